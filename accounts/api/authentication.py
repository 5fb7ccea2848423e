"""People: they show an access token."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import Token

from accounts.models import User
from accounts.services.tokens import InvalidToken, find_owner
from common.api.documents import TOKEN


class TokenAuthentication(JWTAuthentication):
    """Lets in whoever shows an access token that is still good; their organization and rights are read anew."""

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]  # the hint leaves the model open
        """Find whose it is."""
        try:
            return find_owner(validated_token)
        except InvalidToken:
            raise AuthenticationFailed("The token is no longer good: log in again.") from None


class TokenDocument(OpenApiAuthenticationExtension):
    """Documents the header."""

    target_class = "accounts.api.authentication.TokenAuthentication"
    name = TOKEN

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Describe it as a bearer token."""
        return build_bearer_security_scheme_object("Authorization", "Bearer", bearer_format="JWT")
