"""DynamoDB's typed values: as Python's, with exact numbers, and as JSON that holds them whole."""

import base64
import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

_SECONDS_BEFORE_MILLISECONDS = 10**11
_EARLIEST, _LATEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def as_json(typed: Any) -> Any:
    """Write a typed value as JSON: as DynamoDB's own, with bytes in base64."""
    if isinstance(typed, bytes | bytearray):
        return base64.b64encode(typed).decode()
    if isinstance(typed, Mapping):
        return {name: as_json(value) for name, value in typed.items()}
    if isinstance(typed, list | tuple | set | frozenset):
        return [as_json(value) for value in typed]
    return typed


def as_python(typed: Mapping[str, Any]) -> Any:
    """Read a typed value, from boto3 or from `as_json`; ValueError where it is none."""
    ((kind, value),) = typed.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "NULL":
            return None
        case "N":
            return _number(value)
        case "B":
            return _bytes(value)
        case "SS" | "NS" | "BS":
            return {as_python({kind[0]: part}) for part in value}
        case "L":
            return [as_python(part) for part in value]
        case "M":
            return read_item(value)
    raise ValueError(f"DynamoDB has no type {kind}.")


def read_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Read a record of typed values."""
    return {name: as_python(value) for name, value in item.items()}


def _number(text: str) -> int | Decimal:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value) if isinstance(value, str) else bytes(value)


def plain(value: Any) -> Any:
    """Make what JSON can hold of a value: fractions as text, exact, sets as sorted lists, bytes as base64."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(part) for part in value), key=str)
    return [plain(part) for part in value] if isinstance(value, list) else value


def pick(attributes: Mapping[str, Any], names: Iterable[str]) -> Any:
    """Return the first of some attributes that is there and says anything."""
    for name in names:
        if (value := attributes.get(name)) is not None and value != "":
            return value
    return None


def pick_text(attributes: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the first of some attributes as text; empty where none says anything."""
    value = pick(attributes, names)
    return "" if value is None else str(value).strip()


def read_instant(value: Any) -> dt.datetime | None:
    """Read an instant: ISO 8601 (UTC where no zone is named), or seconds or milliseconds since 1970; None without.

    ValueError where it is none.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        raise ValueError("This is no instant.")
    if isinstance(value, int | Decimal):
        at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=_microseconds(value))
    else:
        at = dt.datetime.fromisoformat(str(value))
        at = at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at.astimezone(dt.UTC)
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("This instant is beyond reason.")
    return at


def _microseconds(value: int | Decimal) -> int:
    number = Decimal(value)
    if abs(number) > 10**15:
        raise ValueError("This instant is beyond reason.")
    return int(number * (1_000 if abs(number) >= _SECONDS_BEFORE_MILLISECONDS else 1_000_000))
