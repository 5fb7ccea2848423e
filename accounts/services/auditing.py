"""The audit trail: an entry a change, written in the transaction of the change, and never touched again."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Field, FileField, ForeignKey, Model

from accounts.models import AuditEntry, User
from common.encryption import EncryptedJSONField
from common.money import format_column
from common.origin import get_origin

# What stands in place of a value that nobody may read.
CHANGED = "changed"
_SECRETS = ("password", "secret", "token", "credential", "api_key", "private_key")
_LONGEST_KEY, _LONGEST_NAME = 255, 200

type Values = Mapping[str, Any]


def record_action(
    verb: str,
    thing: Model | None = None,
    *,
    actor: User | None = None,
    who: str = "",
    before: Values | None = None,
    after: Values | None = None,
    reason: str = "",
) -> AuditEntry:
    """Write who did what to a thing; call it in the transaction of the change, once a change.

    `before` and `after` are values by field; what is the same in both is left out, and of secrets only stands that they
    changed. Without an actor, the entry names `who`, or the machine that called.
    """
    entry = describe_action(verb, thing, actor=actor, who=who, before=before, after=after, reason=reason)
    get_origin().entries += 1
    entry.save(force_insert=True)
    return entry


def record_actions(entries: Sequence[AuditEntry]) -> None:
    """Write many entries at once."""
    get_origin().entries += len(entries)
    AuditEntry.objects.bulk_create(entries)


def lay_out_entry(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry's values by column, for a function of the database that writes it with the change it tells of."""
    get_origin().entries += 1
    return lay_out(entry)


def lay_out(row: Model) -> dict[str, Any]:
    """Return a row's values by column, but for its key: the database gives that."""
    return {
        str(field.column): getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key
    }


def describe_action(
    verb: str,
    thing: Model | None = None,
    *,
    actor: User | None = None,
    who: str = "",
    before: Values | None = None,
    after: Values | None = None,
    reason: str = "",
) -> AuditEntry:
    """Make the entry that `record_action` writes."""
    origin = get_origin()
    old, new = _difference(before or {}, after or {})
    return AuditEntry(
        actor=actor,
        actor_name=(actor.email if actor else who or origin.who)[:_LONGEST_NAME],
        verb=verb,
        before=old,
        after=new,
        reason=reason.strip(),
        door=origin.door,
        address=origin.address or None,
        request_id=origin.request_id,
        **name_thing(thing),
    )


def record_nothing() -> None:
    """Say that nothing changed, though rows were written: a form was sent as it was."""
    get_origin().entries += 1


def name_thing(thing: Model | None) -> dict[str, str]:
    """Return how an entry names a thing; what has no key yet or no more is named all the same."""
    if thing is None:
        return {}
    key, name = "" if thing.pk is None else str(thing.pk), str(thing)
    return {
        "object_type": thing._meta.label_lower,
        "object_id": key[:_LONGEST_KEY],
        "object_name": name[:_LONGEST_NAME],
    }


def read_values(thing: Model) -> dict[str, Any]:
    """Return a row's values by field, in words where there are any; what is deferred is left alone."""
    deferred = thing.get_deferred_fields()
    return {
        field.name: _read(thing, field)
        for field in thing._meta.concrete_fields
        # The hour of the last change is the entry's own.
        if field.attname not in deferred and not field.primary_key and not getattr(field, "auto_now", False)
    }


def _read(thing: Model, field: "Field[Any, Any]") -> Any:
    if isinstance(field, EncryptedJSONField):
        return field.peek(thing)
    value = field.value_from_object(thing)
    if value is None:
        return value
    if isinstance(field, ForeignKey):
        other = getattr(thing, field.name)
        return f"{other} ({value})" if str(other) != str(value) else str(value)
    if isinstance(field, FileField):
        return str(value)
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    is_amount = field.name.endswith("_cents") and hasattr(thing, "currency")
    if is_amount or field.name.endswith("_bps"):
        return format_column(field.name, value, getattr(thing, "currency", ""))
    return value


def is_secret(name: str, thing: type[Model] | None = None) -> bool:
    """Return whether the values of a field are nobody's to read."""
    if thing is not None:
        columns = {field.name: field for field in thing._meta.concrete_fields}
        if isinstance(columns.get(name), EncryptedJSONField):
            return True
    return any(part in name.lower() for part in _SECRETS)


def hide(values: Values, thing: type[Model] | None = None) -> dict[str, Any]:
    """Replace secrets, so that two states can be compared and neither be read."""
    return {name: _Hidden(value) if is_secret(name, thing) else value for name, value in values.items()}


class _Hidden:
    """A value that can be compared and not shown."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hidden) and self._value == other._value

    def __hash__(self) -> int:
        return hash(repr(self._value))

    def __repr__(self) -> str:
        return "…"


def _difference(before: Values, after: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keep what differs, as JSON knows it; a secret shows in neither state but as changed in the second."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name in dict.fromkeys([*before, *after]):
        if name in before and name in after and before[name] == after[name]:
            continue
        if is_secret(name) or isinstance(before.get(name, after.get(name)), _Hidden):
            new[name] = CHANGED
            continue
        old |= {name: _as_json(before[name])} if name in before else {}
        new |= {name: _as_json(after[name])} if name in after else {}
    return old, new


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value.replace("\x00", "") if isinstance(value, str) else value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): CHANGED if is_secret(str(key)) else _as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_as_json(part) for part in value]
        return sorted(parts, key=str) if isinstance(value, set | frozenset) else parts
    return str(value)
