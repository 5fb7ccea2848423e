"""Logging in, exchanging a refresh token, logging out."""

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.models import LogoutAnswer, Person, RefreshRequest, TokenAnswer, TokenRequest
from accounts.api.throttling import admit_attempt, forgive
from accounts.models import User
from accounts.services import InvalidToken, Tokens, issue_tokens, may_have_tokens, refresh_tokens, revoke_tokens
from common.api.errors import ApiError
from common.api.models import read_model
from common.api.views import ApiView

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="api"'}


def _refuse(message: str) -> ApiError:
    return ApiError(401, message, headers=_CHALLENGE)


class TokenView(ApiView):
    """Log in: e-mail address and password in, a pair of tokens out."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="auth_token", request=TokenRequest, responses=TokenAnswer, tags=["auth"])
    def post(self, request: Request) -> Response:
        """Log in."""
        asked = read_model(TokenRequest, request.data)
        admit_attempt(asked.email, request.META.get("REMOTE_ADDR", ""))
        password = asked.password.get_secret_value()
        user = authenticate(request._request, username=asked.email, password=password)
        if user is None or not may_have_tokens(user):
            raise _refuse("No active account has this e-mail address and password.")
        forgive(asked.email)
        update_last_login(User, user)
        return self.answer(_describe(user, issue_tokens(user)))


class RefreshView(ApiView):
    """Exchange a refresh token, which is good once, for a new pair."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="auth_refresh", request=RefreshRequest, responses=TokenAnswer, tags=["auth"])
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

    @extend_schema(operation_id="auth_logout", request=RefreshRequest, responses=LogoutAnswer, tags=["auth"])
    def post(self, request: Request) -> Response:
        """Log out; again does no harm."""
        asked = read_model(RefreshRequest, request.data)
        try:
            revoke_tokens(asked.refresh.get_secret_value())
        except InvalidToken:
            raise _refuse("The refresh token is not good.") from None
        return self.answer(LogoutAnswer())


def _describe(user: User, tokens: Tokens) -> TokenAnswer:
    person = Person(id=user.pk, email=user.email, name=user.name, organization=user.organization_id, role=user.role)
    return TokenAnswer(access=tokens.access, refresh=tokens.refresh, expires_in=tokens.expires_in, user=person)
