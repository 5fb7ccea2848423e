"""Logging in to the API, and the tokens by which people and front ends use it."""

from accounts.api.authentication import TokenAuthentication
from accounts.api.views import LogoutView, RefreshView, TokenView

__all__ = ["LogoutView", "RefreshView", "TokenAuthentication", "TokenView"]
