"""Writes of how a creator is connected to the gateway: its credentials, and what the gateway says of them."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from analytics.models import NewEvent
from analytics.services.recording import record_event
from common.clock import iso, now
from common.errors import Permanent
from onlyfans.models import CreatorAccount

Connection = CreatorAccount.Connection
_LONGEST_REASON = 500


class _Stored(dict[str, Any]):
    """What is stored for an account; an absent or empty field is an error."""

    def __getitem__(self, field: str) -> Any:
        value = self.get(field)
        if value is None or value == "":
            raise KeyError(field)
        return value


def renew_credentials(creator: CreatorAccount, credentials: dict[str, Any] | None) -> None:
    """Give a creator other credentials, to be saved by the caller; whether they will do is not known yet."""
    creator.credentials = credentials
    creator.connection_state, creator.connection_since, creator.connection_reason = Connection.UNTRIED, now(), ""


def read_credentials(creator: CreatorAccount) -> dict[str, str]:
    """Make the headers that open a creator's account, of its token or else of its session.

    Raises Permanent where neither is stored, or what is stored can't be sent; it names the creator and no secret.
    """
    stored = creator.credentials if isinstance(creator.credentials, dict) else {}
    session = stored.get("session")
    found = _fill(settings.ONLYFANS_TOKEN_HEADERS, stored) or _fill(
        settings.ONLYFANS_SESSION_HEADERS, session if isinstance(session, dict) else {}
    )
    if not found:
        raise Permanent(f"{creator} has no gateway credentials: connect the account, or ingest its earnings.")
    if not all(value.isascii() and value.isprintable() for value in found.values()):
        raise Permanent(f"{creator} has gateway credentials that can't be sent: connect the account again.")
    return found


def _fill(templates: Mapping[str, str], stored: Mapping[str, Any]) -> dict[str, str]:
    """Fill headers in; none where a field of the first one is not stored."""
    found: dict[str, str] = {}
    for place, (name, template) in enumerate(templates.items()):
        try:
            found[name] = template.format_map(_Stored(stored))
        except KeyError:
            if place == 0:
                return {}
    return found


def note_connected(creator: CreatorAccount) -> None:
    """Write that the gateway takes the credentials; nothing where that is known."""
    if creator.connection_state != Connection.CONNECTED:
        _note(creator, Connection.CONNECTED, "")


def note_expired(creator: CreatorAccount, reason: str) -> None:
    """Write that the gateway takes the credentials no more, and what it said, unless others were stored meanwhile."""
    if creator.connection_state != Connection.EXPIRED:
        _note(creator, Connection.EXPIRED, reason[:_LONGEST_REASON])


@transaction.atomic
def _note(creator: CreatorAccount, state: str, reason: str) -> None:
    as_read = CreatorAccount.objects.filter(
        pk=creator.pk, connection_state=creator.connection_state, connection_since=creator.connection_since
    )
    since = now()
    news = {"connection_state": state, "connection_since": since, "connection_reason": reason}
    if as_read.update(**news):
        for name, value in news.items():
            setattr(creator, name, value)
        record_event(
            NewEvent(
                name=f"creator.{state}",
                occurred_at=since,
                idempotency_key=f"creator.{state}:{creator.pk}:{iso(since)}",
                organization_id=creator.organization_id,
                creator=creator.onlyfans_user_id,
                provider="onlyfans",
                source="onlyfans",
                properties={"reason": reason} if reason else {},
            )
        )
