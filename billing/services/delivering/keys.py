"""What a document is called in Stripe, and idempotency keys that follow from it; a burnt one is changed."""

from collections.abc import Iterator
from contextlib import contextmanager

from billing.providers.stripe import SavedFailure, SavedRefusal
from billing.services.books import identify
from billing.services.delivering.claims import Attempt


@contextmanager
def burning_keys(claimed: Attempt) -> Iterator[None]:
    """Note where a key is burnt: the next attempt looks, and where it finds nothing, it needs another one."""
    try:
        yield
    except (SavedFailure, SavedRefusal):
        claimed.remember(generation=get_generation(claimed) + 1)
        raise


def get_generation(claimed: Attempt) -> int:
    """Return how many keys of the document Stripe has burnt, and one more."""
    return int(claimed.delivery.detail.get("generation", 1))


def make_key(claimed: Attempt, what: str) -> str:
    """Derive the idempotency key from what the document is, and from how many keys of it Stripe has burnt."""
    return f"huntaze-{make_mark(claimed)}-{get_generation(claimed)}-{what}"


def make_mark(claimed: Attempt) -> str:
    """Return the mark by which the document is found again in Stripe."""
    return str(identify(claimed.invoice))
