"""Properties of events as front ends send them: how much is kept, and nothing otherwise than it was sent."""

from decimal import Decimal
from typing import Any

from pydantic_core import to_json

_MOST_BYTES, _MOST_LEVELS = 8_192, 5
_NAMED = 40


def judge_properties(properties: dict[str, Any]) -> str:
    """Say what can't be kept; nothing where all can."""
    if len(to_json(properties)) > _MOST_BYTES:
        return f"At most {_MOST_BYTES:,} bytes are kept."
    level: list[Any] = [properties]
    for _ in range(_MOST_LEVELS):
        values = [value for part in level for value in (part.values() if isinstance(part, dict) else part)]
        if said := next(filter(None, map(_judge_number, values)), ""):
            return said
        level = [value for value in values if isinstance(value, dict | list)]
    return f"At most {_MOST_LEVELS} levels are kept." if level else ""


def _judge_number(value: Any) -> str:
    # Whoever reads the log reads a fraction as a double: a number that is none would be another one there.
    if not isinstance(value, Decimal) or Decimal(repr(float(value))) == value:
        return ""
    text = str(value)
    named = text if len(text) <= _NAMED else f"{text[: _NAMED - 1]}…"
    return f"{named} would be rounded: send a number with so many digits as text."


def write_numbers(value: Any) -> Any:
    """Give fractions the form in which they are written as numbers again."""
    if isinstance(value, dict):
        return {name: write_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [write_numbers(part) for part in value]
    return float(value) if isinstance(value, Decimal) else value
