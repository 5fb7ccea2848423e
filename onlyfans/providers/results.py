"""Reading result files: each is checked against its schema, and whatever does not fit is said in words."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from common.clock import Month
from common.money import UNKNOWN_CURRENCY
from common.wording import explain_errors
from onlyfans.providers.bodies import NotReadable, read_json
from onlyfans.providers.documents import SCHEMAS, EarningsData, ResultDocument

# Nobody's clock is right to the second.
_AHEAD = dt.timedelta(minutes=5)
_MOST_REASONS, _LONGEST_PATH = 50, 200
_UNUSUAL = re.compile(r"[^\w.@:-]")
_TEXT = "This holds a character that is not allowed, or a line break."
# What to give instead of a text that does not match.
_WANTED = {
    "userId": "Give OnlyFans' user id: letters, digits and . _ @ : - are allowed.",
    "observedAt": "Give an instant with its time zone, like 2026-10-01T02:00:00Z.",
    "currency": UNKNOWN_CURRENCY,
    "months": "Name each month by its year and number, like 2026-10.",
    "username": _TEXT,
    "displayName": _TEXT,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a file is rejected: which field, and a sentence."""

    field: str
    why: str


class Rejected(Exception):
    """The file can't be taken, however often it is read."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(" ".join(f"{reason.field}: {reason.why}" for reason in reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Result:
    """What a result file says: figures by metric, and earnings by month and category, gross and net."""

    kind: str
    version: int
    user_id: str
    observed_at: dt.datetime
    figures: Mapping[str, int | str] = field(default_factory=dict)
    currency: str = ""
    months: Mapping[Month, Mapping[str, tuple[int, int]]] = field(default_factory=dict)


def read_result(body: bytes | bytearray, written_at: dt.datetime, encoding: str = "") -> Result:
    """Read a file that was stored at an instant; Rejected, with every reason, where it does not fit its schema."""
    value = _parse(body, encoding)
    document = _validate(value)
    observed_at = _read_instant(document.observed_at, written_at)
    result = Result(document.kind, document.version, document.user_id, observed_at)
    return _fill(result, document.data)


def _parse(body: bytes | bytearray, encoding: str) -> dict[str, Any]:
    try:
        value = read_json(body, encoding)
    except NotReadable as error:
        raise Rejected(Reason("file", str(error))) from None
    if not isinstance(value, dict):
        raise Rejected(Reason("file", "It is JSON, but no object."))
    return value


def _validate(value: dict[str, Any]) -> ResultDocument:
    kind, version = value.get("kind"), value.get("version")
    kinds = sorted({kind for kind, _ in SCHEMAS})
    if not isinstance(kind, str) or kind not in kinds:
        raise Rejected(Reason("kind", f"Give {', '.join(kinds[:-1])} or {kinds[-1]}."))
    if not isinstance(version, int) or isinstance(version, bool) or (kind, version) not in SCHEMAS:
        known = ", ".join(str(known) for each, known in SCHEMAS if each == kind)
        raise Rejected(Reason("version", f"There is no such version of {kind}: give {known}."))
    try:
        return SCHEMAS[kind, version].model_validate(value)
    except ValidationError as error:
        raise Rejected(*_explain(error)) from None


def _explain(error: ValidationError) -> list[Reason]:
    """Name each field that does not fit, once; no reason repeats what stands there."""
    found: dict[str, Reason] = {}
    for name, said in explain_errors(error, _WANTED)[:_MOST_REASONS]:
        path = _UNUSUAL.sub("\N{REPLACEMENT CHARACTER}", name[:_LONGEST_PATH]) or "file"
        found.setdefault(path, Reason(path, said))
    return list(found.values())


def _read_instant(text: str, written_at: dt.datetime) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Rejected(Reason("observedAt", "There is no such instant.")) from None
    if moment > written_at + _AHEAD:
        raise Rejected(Reason("observedAt", "It lies after the instant at which the file was stored."))
    return moment


def _fill(result: Result, data: Any) -> Result:
    if not isinstance(data, EarningsData):
        figures = data.model_dump()
        return Result(result.kind, result.version, result.user_id, result.observed_at, figures=figures)
    last = Month.of(result.observed_at)
    months = {Month.parse(text): parts for text, parts in data.months.items()}
    if late := [month for month in months if month > last]:
        raise Rejected(*(Reason(f"data.months.{month}", "It had not begun when this was observed.") for month in late))
    return Result(
        result.kind,
        result.version,
        result.user_id,
        result.observed_at,
        currency=data.currency,
        months={
            month: {name: (a.gross_cents, a.net_cents) for name, a in parts.items()} for month, parts in months.items()
        },
    )
