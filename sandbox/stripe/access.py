"""Who may call, and how often."""

import base64
import binascii
import re
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

from sandbox.stripe.errors import StripeError

_VERSION = re.compile(r"(\d{4})-\d{2}-\d{2}(\.[a-z]+)?")
_OLDEST = "2025-03-31"
_WINDOW = 1.0


def check_key(authorization: str | None) -> str:
    """The test key of a request. Raises StripeError (401); `expired` or `invalid` in a key makes it so."""
    key = _key(authorization or "")
    if not key:
        raise _unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using"
            " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    hidden = key[:8] + "*" * max(len(key) - 12, 0) + key[-4:]
    if not re.fullmatch(r"[sr]k_test_\w+", key) or "invalid" in key:
        raise _unauthorized(f"Invalid API Key provided: {hidden}")
    if "expired" in key:
        raise _unauthorized(f"Expired API Key provided: {hidden}", code="api_key_expired")
    return key


def _key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _unauthorized(message: str, code: str | None = None) -> StripeError:
    headers = {"WWW-Authenticate": 'Basic realm="Stripe"'}
    return StripeError(message, status=401, code=code, saved=False, headers=headers)


def check_version(version: str | None) -> None:
    """Refuses what is no version, and versions in which an invoice looked different."""
    if version is None:
        return
    if not _VERSION.fullmatch(version):
        raise StripeError(f"Invalid Stripe API version: {version}", saved=False)
    if version < _OLDEST:
        raise StripeError(f"The sandbox speaks no Stripe API version before {_OLDEST}; got {version}.", saved=False)


@dataclass
class RateLimit:
    """Requests a second, over all and for each endpoint; None is no limit."""

    per_second: int | None = None
    per_endpoint: int | None = None
    _seen: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def check(self, endpoint: str) -> None:
        """Counts a request. Raises StripeError (429) when it is one too many."""
        now = time.monotonic()
        for name, limit in (("", self.per_second), (endpoint, self.per_endpoint)):
            if limit is not None and self._recent(name, now) >= limit:
                reason = "endpoint-rate" if name else "global-rate"
                raise StripeError(
                    "Request rate limit exceeded. Learn more about rate limits at https://docs.stripe.com/rate-limits.",
                    status=429,
                    code="rate_limit",
                    saved=False,
                    headers={"Stripe-Rate-Limited-Reason": reason},
                )
        self._seen[""].append(now)
        self._seen[endpoint].append(now)

    def _recent(self, name: str, now: float) -> int:
        seen = self._seen[name]
        while seen and seen[0] <= now - _WINDOW:
            seen.popleft()
        return len(seen)
