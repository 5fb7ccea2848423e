"""Idempotency keys: the first answer is kept for a day and given again."""

import hashlib
from dataclasses import dataclass, field

from sandbox.store import Document, Store
from sandbox.stripe.errors import StripeError
from sandbox.stripe.world import KEYS

_LONGEST = 255
_KEPT_SECONDS = 24 * 3600


@dataclass
class Keys:
    """The keys seen, and those whose first request is still being worked on."""

    store: Store
    busy: set[str] = field(default_factory=set)

    def find(self, key: str, path: str, body: str, now: int) -> Document | None:
        """The saved answer to this very request.

        Raises StripeError when the key was used for another request, or its first one is not answered yet.
        """
        if len(key) > _LONGEST:
            raise StripeError(
                f"The idempotency key provided is {len(key)} characters long; it can be up to {_LONGEST}.",
                saved=False,
            )
        if key in self.busy:
            raise StripeError(
                "There is currently another in-progress request using this Idempotent Key (that probably means you"
                f" submitted twice, and the other request is still going through): {key}. Please try again later.",
                status=409,
                type="idempotency_error",
                code="idempotency_key_in_use",
                saved=False,
            )
        saved = self.store.get(KEYS, key)
        if saved is None or saved["at"] + _KEPT_SECONDS <= now:
            return None
        if saved["path"] != path:
            raise self._reused(key, f"for the same endpoint they were first used for ('{saved['path']}')")
        if saved["digest"] != _digest(body):
            raise self._reused(key, "with the same parameters they were first used with")
        return saved

    def save(self, key: str, path: str, body: str, now: int, status: int, answer: str, request_id: str) -> None:
        self.store.put(
            KEYS,
            {
                "id": key,
                "path": path,
                "digest": _digest(body),
                "at": now,
                "status": status,
                "answer": answer,
                "request_id": request_id,
            },
        )

    def forget(self, keys: list[str] | None = None) -> None:
        """Forgets the named keys, or all, as Stripe may after a day."""
        if keys is None:
            self.store.clear(KEYS)
        for key in keys or []:
            self.store.delete(KEYS, key)

    def _reused(self, key: str, how: str) -> StripeError:
        return StripeError(
            f"Keys for idempotent requests can only be used {how}. Try using a key other than '{key}' if you meant to"
            " execute a different request.",
            type="idempotency_error",
            saved=False,
        )


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
