"""JSON of which nobody knows whether it means well: exact, within bounds, refused in words."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

_PACKED = (b"\x1f\x8b", b"PK", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_PLAIN = {"", "identity", "utf-8", "aws-chunked"}
_MARK = b"\xef\xbb\xbf"
# Brackets, braces, commas and colons: each makes an object in memory that is many times as large as itself.
_MOST_PARTS = 100_000
_DEEPEST = 8
# A number beyond that is no figure of ours, and may cost memory by its value instead of its length.
_MOST_DIGITS = 40
_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
_TOO_DEEP = "It nests too deeply."


class NotReadable(ValueError):
    """The bytes are no JSON of ours; it says why."""


def read_json(body: bytes | bytearray, encoding: str = "") -> Any:
    """Read JSON, with fractions as Decimal and whole numbers as int.

    NotReadable where it is none, is ambiguous or beyond the bounds.
    """
    if encoding.lower() not in _PLAIN or body.startswith(_PACKED):
        raise NotReadable("It is packed: store it as plain JSON.")
    if not body.strip():
        raise NotReadable("It is empty.")
    if body.startswith(_MARK):
        raise NotReadable("It begins with a byte order mark, which JSON must not.")
    if sum(map(body.count, (b",", b":", b"[", b"{"))) > _MOST_PARTS:
        raise NotReadable("It has more parts than any result can have.")
    value = _load(body)
    _check(value)
    return value


def _load(body: bytes | bytearray) -> Any:
    try:
        return json.loads(
            body.decode(),
            parse_int=_read_integer,
            parse_float=_read_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_read_object,
        )
    except NotReadable:
        raise
    except UnicodeDecodeError as error:
        raise NotReadable(f"It is not UTF-8: see byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise NotReadable(f"It is not JSON: see line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise NotReadable(_TOO_DEEP) from None


def _read_integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise NotReadable("It holds a number with too many digits.")
    return int(text)


def _read_decimal(text: str) -> Decimal | int:
    value = Decimal(text)
    if len(text) > _MOST_DIGITS or abs(value.adjusted()) > _MOST_DIGITS:
        raise NotReadable("It holds a number with too many digits.")
    # To a JSON schema 1.0 is a whole number, too.
    return int(value) if value == value.to_integral_value() else value


def _refuse_constant(name: str) -> NoReturn:
    raise NotReadable(f"It holds {name}, which is no number in JSON.")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotReadable("It names something twice.")
    return found


def _check(value: Any) -> None:
    """Refuse what nests too deeply and what the database can't hold, level by level."""
    level, depth = [value], 0
    while level:
        if depth > _DEEPEST:
            raise NotReadable(_TOO_DEEP)
        below: list[Any] = []
        for part in level:
            if isinstance(part, str) and _UNPRINTABLE.search(part):
                raise NotReadable("It holds a character that is not allowed: NUL, or half of a pair.")
            if isinstance(part, dict):
                below += (*part, *part.values())
            elif isinstance(part, list):
                below += part
        level, depth = below, depth + 1
