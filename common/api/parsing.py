"""Bodies: JSON within bounds, exact, without what a database can't hold."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from rest_framework.parsers import BaseParser

from common.api.errors import ApiError

# What the database's text can't hold.
_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
# A number beyond that is no figure of ours, and may cost memory by its value instead of its length.
_MOST_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a body may be: bytes, how deep lists and objects nest, how many entries one of them has."""

    bytes: int = 64 * 1024
    depth: int = 12
    entries: int = 1_000


def read_bytes(stream: Any, headers: Mapping[str, Any], limits: Limits) -> bytes:
    """Read a body as it came; ApiError (413) where it is longer than allowed, by its header or in truth."""
    declared = str(headers.get("CONTENT_LENGTH") or "0")
    if declared.isdecimal() and int(declared) <= limits.bytes:
        body: bytes = stream.read(limits.bytes + 1)
        if len(body) <= limits.bytes:
            return body
    raise ApiError(413, f"The body is too large: at most {limits.bytes:,} bytes are read.")


def parse_json(body: bytes, limits: Limits) -> Any:
    """Read JSON exactly (fractions become Decimal); ApiError (400 or 413) where it is none or beyond the bounds."""
    try:
        value = json.loads(
            body.decode(),
            parse_int=_read_integer,
            parse_float=_read_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_read_object,
        )
    except (ValueError, RecursionError):
        raise ApiError(400, "The body is not valid JSON.") from None
    check_bounds(value, limits)
    return value


def refuse_packed(headers: Mapping[str, Any]) -> None:
    """Refuse a body that is not sent as it is: its packed bytes would read as broken JSON."""
    coding = str(headers.get("HTTP_CONTENT_ENCODING") or "identity").strip().lower()
    if coding != "identity":
        message = "The body is packed: send it as it is, without Content-Encoding."
        raise ApiError(415, message, headers={"Accept-Encoding": "identity"})


def refuse_unprintable(text: str) -> None:
    """Refuse text that the database can't hold."""
    if _UNPRINTABLE.search(text):
        raise ApiError(400, "The request holds a character that is not allowed: NUL, or half of a pair.")


def _read_integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("beyond reason")
    return int(text)


def _read_decimal(text: str) -> Decimal:
    value = Decimal(text)
    if abs(value.adjusted()) > _MOST_DIGITS:
        raise ValueError("beyond reason")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def check_bounds(value: Any, limits: Limits, *, texts: bool = True) -> None:
    """Refuse what nests or lists more than allowed and, with `texts`, what the database can't hold.

    It goes through a parsed body level by level, for a recursion of ours would have bounds of its own.
    """
    level, depth = [value], 0
    while level:
        if depth > limits.depth:
            raise ApiError(413, f"The body nests too deeply: at most {limits.depth} levels are read.")
        below: list[Any] = []
        for part in level:
            if texts and isinstance(part, str):
                refuse_unprintable(part)
            elif isinstance(part, dict | list):
                if len(part) > limits.entries:
                    raise ApiError(
                        413, f"A list or an object is too long: at most {limits.entries:,} entries are read."
                    )
                below += part
                if isinstance(part, dict):
                    below += part.values()
        level, depth = below, depth + 1


class BoundedJSONParser(BaseParser):
    """Reads JSON within the view's `limits`."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read the body; an empty one is an empty object."""
        limits: Limits = parser_context["view"].limits
        body = read_bytes(stream, parser_context["request"].META, limits)
        return parse_json(body, limits) if body.strip() else {}
