"""Logging in, exchanging a refresh token, logging out."""

from django.conf import settings
from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.models import LogoutAnswer, Person, RefreshRequest, TokenAnswer, TokenRequest
from accounts.models import User
from accounts.services.lockouts import Kind, LockedOut, find_lock
from accounts.services.second_step import WRONG_CODE, has_second_step, prove
from accounts.services.tokens import InvalidToken, Tokens, log_in, log_out, may_have_tokens, refresh_tokens
from common.api.errors import ApiError
from common.api.models import read_model
from common.api.views import ApiView
from common.clock import now
from common.origin import get_origin

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="api"'}


def _refuse(message: str, code: str = "") -> ApiError:
    return ApiError(401, message, code=code, headers=_CHALLENGE)


def _refuse_locked(locked: LockedOut) -> ApiError:
    seconds = max(1, round((locked.until - now()).total_seconds() + 0.5))
    return ApiError(429, str(locked), headers={"Retry-After": str(seconds)})


class TokenView(ApiView):
    """Log in: e-mail address and password in, a pair of tokens out; who has a second step sends a code too."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="auth_token", summary="Log in", request=TokenRequest, responses=TokenAnswer, tags=["auth"]
    )
    def post(self, request: Request) -> Response:
        """Log in."""
        asked = read_model(TokenRequest, request.data)
        password = asked.password.get_secret_value()
        user = authenticate(request._request, username=asked.email, password=password)
        if user is None and (until := find_lock(Kind.PASSWORD, asked.email, get_origin().address)):
            raise _refuse_locked(LockedOut(until))
        if user is None or not may_have_tokens(user):
            raise _refuse("No active account has this e-mail address and password.")
        proof = _show_second_step(user, asked.code.get_secret_value())
        return self.answer(_describe(user, log_in(user, proof)))


def _show_second_step(user: User, code: str) -> str:
    """Return which second step was shown; empty where none is needed."""
    if not has_second_step(user):
        if user.is_staff and settings.TWO_FACTOR_REQUIRED:
            raise ApiError(403, "Staff set up their second step first: log in to the back office.")
        return ""
    if not code:
        raise _refuse("Send a code of your authenticator app in `code`, too.", "second_step_required")
    try:
        proof = prove(user, code)
    except LockedOut as locked:
        raise _refuse_locked(locked) from None
    if not proof:
        raise _refuse(WRONG_CODE)
    return proof


class RefreshView(ApiView):
    """Exchange a refresh token, which is good once, for a new pair."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="auth_refresh",
        summary="Exchange a refresh token",
        request=RefreshRequest,
        responses=TokenAnswer,
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Exchange it."""
        asked = read_model(RefreshRequest, request.data)
        try:
            user, tokens = refresh_tokens(asked.refresh.get_secret_value())
        except InvalidToken:
            raise _refuse("The refresh token is not good, or no longer: log in again.") from None
        return self.answer(_describe(user, tokens))


class LogoutView(ApiView):
    """Log out: end all tokens that came of one log-in."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="auth_logout", summary="Log out", request=RefreshRequest, responses=LogoutAnswer, tags=["auth"]
    )
    def post(self, request: Request) -> Response:
        """Log out; again does no harm."""
        asked = read_model(RefreshRequest, request.data)
        try:
            log_out(asked.refresh.get_secret_value())
        except InvalidToken:
            raise _refuse("The refresh token is not good.") from None
        return self.answer(LogoutAnswer())


def _describe(user: User, tokens: Tokens) -> TokenAnswer:
    person = Person(id=user.pk, email=user.email, name=user.name, organization=user.organization_id, role=user.role)
    return TokenAnswer(access=tokens.access, refresh=tokens.refresh, expires_in=tokens.expires_in, user=person)
