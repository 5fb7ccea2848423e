"""What every request passes: probes are answered at the door, the others leave a line in the log."""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path
from django.utils.functional import SimpleLazyObject

from common.api.request_ids import current_request_id
from common.trail import bound
from huntaze.probes import PROBES, leave_unlogged

Answer = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger("huntaze.access")


class Probes:
    """Answers those who only ask how things stand: at any host name, without TLS, session or database."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a probe here; let everything else pass."""
        probe = PROBES.get(request.path)
        return probe(request) if probe else self.get_response(request)


class AccessLog:
    """Binds the request's id to whatever is logged meanwhile, and writes a line for each call of the API."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; then say who called what, how it was answered and how long that took, without the query."""
        began = time.monotonic()
        with bound(request_id=current_request_id() or None):
            response = self.get_response(request)
            if request.path.startswith("/api/"):
                self._write(request, response, time.monotonic() - began)
        return response

    @staticmethod
    def _write(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        facts = {
            "method": request.method,
            "path": escape_uri_path(request.path),
            "status": response.status_code,
            "milliseconds": round(seconds * 1000),
            "client": request.META.get("REMOTE_ADDR", ""),
            "caller": _caller(request),
        }
        message = "%s %s answered %s in %s ms"
        logger.info(message, facts["method"], facts["path"], facts["status"], facts["milliseconds"], extra=facts)
        if response.status_code < 500:
            leave_unlogged(response)


def _caller(request: HttpRequest) -> object:
    """Name who called, where that was asked already: finding out may be a query, and the database what fails."""
    user = vars(request).get("user")
    if type(user) is SimpleLazyObject:
        user = getattr(request, "_cached_user", None)
    if not getattr(user, "is_authenticated", False):
        return None
    return getattr(user, "pk", None) or str(user)
