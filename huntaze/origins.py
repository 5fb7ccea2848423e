"""The middleware that knows where a request comes from, and that no change by one goes without an audit entry."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User
from accounts.services.auditing import record_action
from common.api.request_ids import current_request_id
from common.origin import Door, Origin, coming_from, read_address

_WRITE = re.compile(r'(?:INSERT INTO|DELETE FROM|(?<!FOR )(?<!DO )UPDATE)\s+"?(\w+)"?', re.IGNORECASE)
_WRITERS = ("INSERT", "UPDATE", "DELETE", "WITH")
# What a request writes about itself; and Stripe's events, whose rows tell of themselves, while what follows from one is
# written down where it is done.
_ASIDE = frozenset(
    {
        "billing_stripeevent",
        *("django_session", "accounts_auditentry", "accounts_lockout"),
        *("token_blacklist_outstandingtoken", "token_blacklist_blacklistedtoken"),
    }
)

type Respond = Callable[[HttpRequest], HttpResponseBase]


class OriginMiddleware:
    """Opens the door of a request: its id, the caller's address, and who is to blame for what is changed."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; where something was changed of which no service wrote an entry, write what is known of it."""
        door = Door.API if request.path_info.startswith("/api/") else Door.ADMIN
        changes = _Changes()
        with coming_from(Origin(door, read_address(request.META), current_request_id())) as origin:
            with connection.execute_wrapper(changes):
                response = self._respond(request)
            if changes.tables and not origin.entries and _has_succeeded(request, response):
                _record_unnamed(request, changes.tables)
        return response


class _Changes:
    """Watches the statements of a request for those that changed a row."""

    def __init__(self) -> None:
        self.tables: set[str] = set()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.lstrip()[:6].upper().startswith(_WRITERS) and context["cursor"].rowcount > 0:
            self.tables |= {table.lower() for table in _WRITE.findall(sql)} - _ASIDE
        return result


def _has_succeeded(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Tell a change that was kept from a form that is shown again and from an error."""
    if request.path_info.startswith("/api/"):
        return response.status_code < 400
    return 300 <= response.status_code < 400


def _record_unnamed(request: HttpRequest, tables: set[str]) -> None:
    match = request.resolver_match
    name = (match.view_name if match else "") or request.path_info
    actor = request.user if isinstance(request.user, User) else None
    named = {str(key): str(value) for key, value in match.kwargs.items()} if match else {}
    record_action("call", actor=actor, after={"address": name, **named, "tables": sorted(tables)})
