"""Stripe, opened with the key that settings hold, at the pace that it allows all our processes together."""

from contextlib import AbstractContextManager
from functools import cache

from django.conf import settings

from billing.providers.stripe_payments import PaymentsGateway
from common.errors import Misconfigured
from common.pace import Limit, in_turn


def take_stripe_turn(endpoint: str) -> AbstractContextManager[None]:
    """Wait for a call to an endpoint of Stripe to be within its limits, and count it for as long as it takes."""
    return in_turn(
        Limit(f"stripe {endpoint}", settings.STRIPE_ENDPOINT_RATE_PER_SECOND),
        Limit("stripe", settings.STRIPE_RATE_PER_SECOND),
    )


def open_stripe() -> PaymentsGateway:
    """Open Stripe; Misconfigured where no key is set."""
    if not settings.STRIPE_API_KEY:
        raise Misconfigured("STRIPE_API_KEY is not set.")
    return _gateway(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)


@cache
def _gateway(api_key: str, base_url: str) -> PaymentsGateway:
    return PaymentsGateway(api_key, base_url, take_stripe_turn)
