"""The id by which a request is found again: the caller's `X-Request-Id`, or a new one."""

import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-Id"
_FITTING = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Return the id of the request being answered; empty where there is none."""
    return _current.get()


class RequestIdMiddleware:
    """Gives every request its id and writes it on the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the id at hand meanwhile."""
        given = request.headers.get(HEADER, "")
        identity = given if _FITTING.match(given) else uuid.uuid4().hex
        token = _current.set(identity)
        try:
            response = self.get_response(request)
        finally:
            _current.reset(token)
        response[HEADER] = identity
        return response
