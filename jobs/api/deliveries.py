"""What a scheduler sent, whoever it is: which parameters it means, and by what a repeated delivery is known.

EventBridge wraps its events in an envelope whose `detail` holds the parameters; its Scheduler sends whatever body it
was given, with the time for which it was planned; Vercel sends nothing but the address.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_origin

from django.http import QueryDict

from common.api.errors import refuse_fields
from common.clock import iso
from jobs.registry import JobParams

WAIT = "wait"
LONGEST_WAIT = 25
KEY_HEADER = "Idempotency-Key"
_LONGEST_KEY = 255
# A slot has room for a key of this length; a longer one is known by its digest.
_LONGEST_PLAIN_KEY = 150
_ENVELOPE = frozenset(
    {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name"}
)
_TIMES = ("time", "scheduled-time", "scheduledTime", "scheduled_time")
# What tells a delivery from another, and what the Scheduler offers to put into a body beside.
_ABOUT = frozenset(
    {"id", *_TIMES, "schedule-arn", "scheduleArn", "execution-id", "executionId", "attempt-number", "attemptNumber"}
)
_FIRST_YEAR = 2000
_OWN = "http "
_LIST_TYPES = (tuple, list, set, frozenset)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was asked: `slot` is the same for the same delivery again, None where nothing tells.

    `planned_at` is the time for which a scheduler planned it, where nothing else was asked.
    """

    values: dict[str, Any]
    slot: str | None
    wait: int | None
    planned_at: dt.datetime | None = None

    @property
    def has_own_slot(self) -> bool:
        """Whether the slot is the caller's; that of our own schedule waits for the run in its way to end."""
        return self.slot is not None and self.slot.startswith(_OWN)


def read_delivery(
    params: type[JobParams], query: QueryDict, body: Mapping[str, Any], headers: Mapping[str, str]
) -> Delivery:
    """Read a call; ApiError (400) that names what does not fit."""
    wait, asked = _read_query(params, query)
    event, values = _open_envelope(params, body)
    if twice := sorted(asked.keys() & values.keys()):
        raise refuse_fields({name: ["This is given in the address and in the body."] for name in twice})
    values |= asked
    slot = _slot(event, values, headers.get(KEY_HEADER))
    return Delivery(values, slot, wait, None if values else _planned_at(event))


def _read_query(params: type[JobParams], query: QueryDict) -> tuple[int | None, dict[str, Any]]:
    asked: dict[str, Any] = {}
    for name, given in query.lists():
        if name == WAIT:
            continue
        is_list = _is_list(params, name)
        if len(given) > 1 and not is_list:
            raise refuse_fields({name: ["This is given twice."]})
        asked[name] = given if is_list else given[0]
    return _read_wait(query), asked


def _is_list(params: type[JobParams], name: str) -> bool:
    found = (field for own, field in params.model_fields.items() if name in {own, field.alias})
    return any(get_origin(field.annotation) in _LIST_TYPES for field in found)


def _read_wait(query: QueryDict) -> int | None:
    given = query.getlist(WAIT)
    if not given:
        return None
    if len(given) == 1 and given[0].isascii() and given[0].isdecimal() and int(given[0][:9]) <= LONGEST_WAIT:
        return int(given[0])
    raise refuse_fields({WAIT: [f"Give a whole number of seconds, at most {LONGEST_WAIT}."]})


def _open_envelope(params: type[JobParams], body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part what tells the delivery from what is asked of the job."""
    own = {name for declared, field in params.model_fields.items() for name in (declared, field.alias) if name}
    is_event = not own & {"detail", "detail-type"} and not {"detail", "detail-type"}.isdisjoint(body)
    values = body.get("detail", {}) if is_event else body
    if not isinstance(values, Mapping):
        raise refuse_fields({"detail": ["Give an object with the job's parameters; it may be empty."]})
    if is_event and (strange := sorted(body.keys() - _ENVELOPE)):
        raise refuse_fields({name: ["An event has its parameters in its detail."] for name in strange})
    about = {name: value for name, value in values.items() if name in _ABOUT - own}
    asked = {name: value for name, value in values.items() if name not in about}
    if not is_event:
        return about, asked
    # A time that a scheduler put into the detail is the one it planned; the envelope's is when it was sent.
    of_envelope = ("id",) if about.keys() & set(_TIMES) else ("id", "time")
    return about | {name: body[name] for name in of_envelope if name in body}, asked


def _slot(about: Mapping[str, Any], asked: Mapping[str, Any], key: str | None) -> str | None:
    """Name the slot: by the caller's key, else the event's id, else its time, else not at all."""
    if key is not None:
        return f"{_OWN}key {_fit(KEY_HEADER, key)}"
    if "id" in about:
        return f"{_OWN}event {_fit('id', about['id'])}"
    for name in _TIMES:
        if name in about:
            planned = iso(_read_time(name, about[name]))
            # The slot of our own schedule: two schedulers that are both switched on start one run.
            return (
                f"{_OWN}{planned} {_digest(json.dumps(asked, sort_keys=True, default=str))}"
                if asked
                else f"schedule {planned}"
            )
    return None


def _planned_at(about: Mapping[str, Any]) -> dt.datetime | None:
    return next((_read_time(name, about[name]) for name in _TIMES if name in about), None)


def _fit(name: str, given: object) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_KEY or not given.isprintable():
        raise refuse_fields({name: [f"Give text of 1 to {_LONGEST_KEY} printable characters."]})
    return given if len(given) <= _LONGEST_PLAIN_KEY else _digest(given)


def _read_time(name: str, given: object) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(str(given))
        if moment.tzinfo is None or not _FIRST_YEAR < moment.year < dt.MAXYEAR:
            raise ValueError("no time zone, or no time of ours")
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        said = "Give the time as ISO 8601 with its zone, like 2026-11-01T02:00:00Z."
        raise refuse_fields({name: [said]}) from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
