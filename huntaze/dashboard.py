"""The front page."""

from typing import Any

from django.http import HttpRequest


def front_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what staff see first."""
    return context
