"""What is wrong with something that was sent, in sentences for its sender: which field, and what to give instead."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

type Fault = Mapping[str, Any]

# Where a name of an object's is at fault, pydantic says so behind the name.
_NAME = "[key]"
_NOT_ALLOWED = "This holds a character that is not allowed."
_INSTANT = "Give an instant with its time zone, like 2026-10-01T02:00:00Z."
_SAID: dict[str, str | Callable[[Mapping[str, Any]], str]] = {
    "missing": "This is required.",
    "extra_forbidden": "There is no such field.",
    "int_type": "Give a whole number.",
    "int_parsing": "Give a whole number.",
    "int_parsing_size": "This number is beyond reason.",
    "int_from_float": "Give a whole number, without a fraction.",
    "float_type": "Give a number.",
    "float_parsing": "Give a number.",
    "finite_number": "Give a number.",
    "decimal_type": "Give a number.",
    "decimal_parsing": "Give a number.",
    "string_type": "Give a text.",
    "string_unicode": _NOT_ALLOWED,
    "string_sub_type": "Give a text.",
    "string_pattern_mismatch": "This is not written as it must be.",
    "string_too_short": lambda of: _count("Give at least", of["min_length"], "character"),
    "string_too_long": lambda of: _count("Give at most", of["max_length"], "character"),
    "too_short": lambda of: _count("Give at least", of["min_length"], "entry"),
    "too_long": lambda of: _count("Give at most", of["max_length"], "entry"),
    "greater_than": lambda of: f"Give more than {_number(of['gt'])}.",
    "greater_than_equal": lambda of: f"Give at least {_number(of['ge'])}.",
    "less_than": lambda of: f"Give less than {_number(of['lt'])}.",
    "less_than_equal": lambda of: f"Give at most {_number(of['le'])}.",
    "literal_error": lambda of: f"Give {_choices(of)}.",
    "enum": lambda of: f"Give {_choices(of)}.",
    "bool_type": "Give true or false.",
    "bool_parsing": "Give true or false.",
    "dict_type": "Give an object.",
    "model_type": "Give an object.",
    "model_attributes_type": "Give an object.",
    "mapping_type": "Give an object.",
    "list_type": "Give a list.",
    "tuple_type": "Give a list.",
    "date_type": "Give a day, like 2026-10-01.",
    "date_parsing": "Give a day, like 2026-10-01.",
    "date_from_datetime_parsing": "Give a day, like 2026-10-01.",
    "date_from_datetime_inexact": "Give a day, like 2026-10-01.",
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "timezone_aware": _INSTANT,
}


def explain_errors(error: ValidationError, wanted: Mapping[str, str] = {}) -> list[tuple[str, str]]:
    """List which field is at fault and a sentence that says why, in the order found; no sentence repeats a value.

    `wanted` says by field what to give where its text is not written as it must be; for the names of an object's
    entries by the object's field. A fault of the whole has no field.
    """
    return [
        (name_field(fault["loc"]), explain_fault(fault, wanted))
        for fault in error.errors(include_url=False, include_input=False)
    ]


def name_field(location: tuple[Any, ...]) -> str:
    """Name the field at a place as its sender does: `categories.tips.grossCents`, `rows.3.month`."""
    return ".".join(str(part) for part in location if part != _NAME)


def explain_fault(fault: Fault, wanted: Mapping[str, str] = {}) -> str:
    """Say what is wrong with a field, by what pydantic tells of it."""
    kind, location = str(fault["type"]), tuple(fault["loc"])
    context: Mapping[str, Any] = fault.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return _end(str(context["error"]))
    is_name = location[-1:] == (_NAME,)
    parts = [part for part in location[: -2 if is_name else None] if isinstance(part, str)]
    if kind == "string_pattern_mismatch" and parts and parts[-1] in wanted:
        return wanted[parts[-1]]
    if is_name and kind in {"literal_error", "enum"}:
        return f"There is no such name here: use {_choices(context)}."
    said = _SAID.get(kind)
    if callable(said):
        return said(context)
    return said or _end(str(fault["msg"]))


def _end(text: str) -> str:
    text = text.strip() or "This is not as it must be"
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _choices(context: Mapping[str, Any]) -> str:
    """Write `'a', 'b' or 'c'` without its quotes."""
    return re.sub(r"'([^']*)'", r"\1", str(context["expected"]))


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _count(start: str, number: int, unit: str) -> str:
    plural = unit if number == 1 else f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
    return f"{start} {number:,} {plural}."


def name_some(names: Iterable[str], count: int) -> str:
    """Write the first names of so many: `A, B and C`, or `A, B, C and 7 more`."""
    shown = list(names)
    if count > len(shown):
        return f"{', '.join(shown)} and {count - len(shown):,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
