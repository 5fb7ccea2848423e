"""The middleware by which sessions end: nobody did anything for a while, or they have lasted long enough."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase

from accounts.services.sessions import find_end, note_activity

type Respond = Callable[[HttpRequest], HttpResponseBase]


class SessionLimitsMiddleware:
    """Ends sessions that are over. A page that refreshes itself is no sign of life."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer as to nobody, where the session is over."""
        # Reading the user would read the session: whoever brings no cookie has none.
        if request.session.session_key and request.user.is_authenticated:
            if reason := find_end(request.session):
                logout(request)
                messages.warning(request, reason)
            elif "HX-Request" not in request.headers:
                note_activity(request.session)
        return self._respond(request)
