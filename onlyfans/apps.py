"""Creators on OnlyFans and what they earn."""

from django.apps import AppConfig


class OnlyFansConfig(AppConfig):
    """Creator accounts and their earnings."""

    name = "onlyfans"
    verbose_name = "OnlyFans"
