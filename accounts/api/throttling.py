"""How often somebody may try to log in, over all processes of the web server."""

import hashlib

from common.api.errors import ApiError
from common.attempts import count_attempt, forget_attempts

_WINDOW_SECONDS = 300
_MOST_BY_ACCOUNT = 10
# An office shares one address.
_MOST_BY_ADDRESS = 100


def _name(kind: str, text: str) -> str:
    return f"log-in:{kind}:{hashlib.sha256(text.lower().encode()).hexdigest()}"


def admit_attempt(email: str, address: str) -> None:
    """Count an attempt to log in; ApiError (429) where there were too many for this account or from this address."""
    for kind, text, most in (("address", address, _MOST_BY_ADDRESS), ("account", email, _MOST_BY_ACCOUNT)):
        count, left = count_attempt(_name(kind, text), _WINDOW_SECONDS)
        if count > most:
            wait = str(max(1, round(left + 0.5)))
            raise ApiError(429, "Too many attempts to log in; wait a little.", headers={"Retry-After": wait})


def forgive(email: str) -> None:
    """Count an account's attempts from nothing again, for somebody knew the password."""
    forget_attempts(_name("account", email))
