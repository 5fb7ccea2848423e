"""Secrets taken out of whatever is written down for people: log lines, tracebacks, reports of errors, spans."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlsplit

MASK = "[secret]"
# Shorter ones would take innocent words out, and protect nothing.
_SHORTEST_KNOWN = 6
_DEEPEST = 8

_SECRET_NAME = re.compile(
    r"(?i)pass(?:word|wd|phrase)|secret|credential|authori[sz]ation|cookie|(?:^|[_-])(?:api|access|private|signing|"
    r"encryption)[_-]?keys?$|(?:^|[_-])(?:token|jwt|dsn|session(?:id)?|csrf\w*)$|^x-api-key$"
)

_Replace = Callable[[str], str]


def _taking_out(pattern: str, put: str = MASK) -> _Replace:
    return partial(re.compile(pattern).sub, put)


# By shape: what is secret whoever issued it.
_SHAPES: tuple[_Replace, ...] = (
    # Authorization: Bearer …, and "Authorization": "Basic …"
    _taking_out(r"""(?i)(authorization["']?\s*[:=]\s*["']?)(?:[a-z]+\s+)?[^\s"',;&})\]]+""", rf"\1{MASK}"),
    _taking_out(r"(?i)\b(bearer|basic)\s+(?=[\w.~+/=-]*[\d.~+/=_-])[\w.~+/=-]{6,}", rf"\1 {MASK}"),
    # Stripe's keys, OpenAI's keys, and secrets that sign webhooks
    _taking_out(r"\b(?:[srp]k_(?:live|test)_\w{4,}|sk-[\w-]{16,}|whsec_[\w+/=-]{6,})"),
    # JSON Web Tokens
    _taking_out(r"\beyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?"),
    # What Fernet encrypted, and its keys: 32 bytes in URL-safe base64
    _taking_out(r"\bgAAAAA[\w-]{20,}={0,2}"),
    _taking_out(r"(?<![\w+/=-])[\w-]{43}=(?![\w=])"),
    # The password of an address
    _taking_out(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@", rf"\1:{MASK}@"),
    # Addresses that are themselves the secret
    _taking_out(r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]+", rf"\1{MASK}"),
    # name=value, "name": "value", --name value; a number alone is a count and not a secret
    _taking_out(
        r"""(?ix)((?:pass(?:word|wd|phrase)|secret|x-api-key|api[_-]?key|access[_-]?key(?:[_-]?id)?|sessionid|csrftoken
        |(?:access|refresh|id|auth|bearer|csrf)[_-]?token|\btoken|\bcookie|x-amz-signature)["']?\s*[:=]\s*["']?)
        (?!\d{1,12}\b|none\b|null\b|\[secret\])[^\s"'\\,;&})\]]+""",
        rf"\1{MASK}",
    ),
)


class Redactor:
    """Takes out what looks like a secret, and every value that is known to be one."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        values = {form for value in known if len(value) >= _SHORTEST_KNOWN for form in _forms(value)}
        longest_first = sorted(values, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """Return the text without its secrets."""
        if self._known:
            text = self._known.sub(MASK, text)
        for take_out in _SHAPES:
            text = take_out(text)
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a value that JSON can hold without its secrets, those included that their name gives away."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode(errors="replace"))
        if value is None or isinstance(value, bool | int | float | Decimal | dt.date):
            return value
        if depth >= _DEEPEST:
            return self.text(repr(value))
        if isinstance(value, Mapping):
            return {key: self._named(str(key), part, depth) for key, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(part, depth + 1) for part in value]
        return self.text(str(value))

    def _named(self, name: str, value: Any, depth: int) -> Any:
        is_secret = _SECRET_NAME.search(name) and value and not isinstance(value, bool | int | float)
        return MASK if is_secret else self.value(value, depth + 1)


def _forms(value: str) -> Iterable[str]:
    """Say how a value is written: as it is, within an address, within a repr."""
    yield value
    yield quote(value, safe="")
    yield repr(value)[1:-1]


def find_secrets(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Find the secrets among settings: by their name, and the passwords within addresses."""
    found: list[str] = []
    for name, value in values.items():
        texts = [text for text in (value if isinstance(value, tuple | list) else [value]) if isinstance(text, str)]
        if _SECRET_NAME.search(name):
            found += texts
        else:
            found += [unquote(secret) for text in texts if "://" in text and (secret := urlsplit(text).password)]
    return tuple(dict.fromkeys(found))
