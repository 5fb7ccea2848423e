"""Addresses of logging in to the API, below `api/`."""

from django.urls import path

from accounts.api import LogoutView, RefreshView, TokenView

urlpatterns = [
    path("auth/token", TokenView.as_view(), name="auth-token"),
    path("auth/refresh", RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", LogoutView.as_view(), name="auth-logout"),
]
