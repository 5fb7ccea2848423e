"""The pace that Stripe allows all our processes together."""

from contextlib import AbstractContextManager

from django.conf import settings

from common.pace import Limit, in_turn


def take_stripe_turn(endpoint: str) -> AbstractContextManager[None]:
    """Wait for a call to an endpoint of Stripe to be within its limits, and count it for as long as it takes."""
    return in_turn(
        Limit(f"stripe {endpoint}", settings.STRIPE_ENDPOINT_RATE_PER_SECOND),
        Limit("stripe", settings.STRIPE_RATE_PER_SECOND),
    )
