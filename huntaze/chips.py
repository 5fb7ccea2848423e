"""The active filters of a list in words, each with the address of the list without it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import BooleanField
from django.utils.text import capfirst

_YES_NO = {"1": "Yes", "0": "No", "True": "Yes", "False": "No"}


@dataclass(frozen=True)
class Chip:
    """One active filter; `address` is the list without it."""

    title: str
    value: str
    address: str


def list_chips(changelist: ChangeList) -> Iterator[Chip]:
    """Describe every filter that an address sets, those of links from other pages included."""
    given: dict[str, list[str]] = {name: values for name, values in changelist.filter_params.items() if any(values)}
    for spec in changelist.filter_specs:
        for name in spec.expected_parameters():
            if name in given:
                yield _chip(changelist, str(spec.title), name, _describe(spec, given.pop(str(name))))
    for name in getattr(changelist.model_admin, "linked_by", ()):
        if name in given:
            yield _chip(changelist, name.replace("_", " "), name, ", ".join(given[name]))


def _chip(changelist: ChangeList, title: str, name: str, value: str) -> Chip:
    return Chip(capfirst(title), value, changelist.get_query_string(remove=[name]))


def _describe(spec: Any, values: list[str]) -> str:
    field = getattr(spec, "field", None)
    known = dict(_choices(field) if field else getattr(spec, "lookup_choices", ()))
    named = {str(key): str(text) for key, text in known.items()}
    return ", ".join(named.get(value) or _name_row(field, value) for value in values)


def _choices(field: Any) -> Any:
    return _YES_NO.items() if isinstance(field, BooleanField) else field.flatchoices


def _name_row(field: Any, value: str) -> str:
    """Name what a column points at; where it is no such column, or the row is gone, return the value."""
    if not getattr(field, "is_relation", False):
        return value
    return str(field.remote_field.model._default_manager.filter(pk=value).first() or value)
