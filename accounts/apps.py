"""Users and organizations."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who logs in, and whose business it is."""

    name = "accounts"
    verbose_name = "Organizations and people"
