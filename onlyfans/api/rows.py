"""The rows of an earnings call: what they hold, and what is wrong with those that are refused."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import AwareDatetime, ConfigDict, Field, RootModel, TypeAdapter, ValidationError, with_config

from common.api.models import name_errors
from common.clock import Month
from common.money import CURRENCY_PATTERN, MOST_CENTS, UNKNOWN_CURRENCY
from onlyfans.api.reading import MOST_ROWS
from onlyfans.api.scanning import Unreadable
from onlyfans.services.ingesting import IncomingAggregate

SOURCE = "api"
_UNCATEGORIZED = "uncategorized"
_OBJECT = frozenset({"bucket", "key", "etag", "sequencer"})
_NO_FIGURES = ["Give totals, or categories."]
_CLOCKS_DIFFER_BY = dt.timedelta(minutes=5)
_EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MOST_ERRORS, _LONGEST_TEXT, _MOST_NAMES = 20, 200, 20
_HALF = "This holds a character that is not allowed: half of a pair."
# Apart, since what came later in a body is taken to be newer.
_STEP = dt.timedelta(microseconds=1)

# Instead of the pattern that a text does not match.
_WANTED = {
    "userId": "Give OnlyFans' user id, without spaces.",
    "currency": UNKNOWN_CURRENCY,
    "sequencer": "Give S3's sequencer: at most 64 hexadecimal digits.",
    **dict.fromkeys(("bucket", "key", "etag"), "This holds a character that is not allowed: NUL."),
}

type Errors = dict[str, list[str]]
type Cents = Annotated[
    int,
    Field(
        strict=True,
        ge=-MOST_CENTS,
        le=MOST_CENTS,
        description="In the currency's minor unit: cents of USD, whole yen of JPY, thousandths (fils) of KWD.",
    ),
]
type Category = Literal[
    "subscriptions", "tips", "messages", "posts", "streams", "referrals", "chargebacks", "uncategorized"
]


_strictly = with_config(ConfigDict(extra="forbid"))


# Not models, which take three times as long to check.
@_strictly
class CategoryFigures(TypedDict):
    """What was earned in a category, before and after OnlyFans' fee; chargebacks are negative."""

    grossCents: Cents
    netCents: Cents


@_strictly
class AggregateRow(TypedDict):
    """A creator's month: its totals, or its figures by category, and perhaps the object that they came in.

    Given both, they must agree. `bucket`, `key` and `etag` go together; S3's `sequencer` orders the versions of a key.
    """

    userId: Annotated[str, Field(max_length=64, pattern=r"^[^\s\x00-\x1f\x7f]+$", examples=["of_123456"])]
    month: Month
    currency: Annotated[str, Field(pattern=CURRENCY_PATTERN, examples=["USD"])]
    grossCents: NotRequired[Cents | None]
    netCents: NotRequired[Cents | None]
    categories: NotRequired[Annotated[dict[Category, CategoryFigures] | None, Field(max_length=_MOST_NAMES)]]
    bucket: NotRequired[Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]]
    key: NotRequired[Annotated[str, Field(max_length=1024, pattern=r"^[^\x00]*$")]]
    etag: NotRequired[Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")]]
    sequencer: NotRequired[Annotated[str, Field(pattern="^[0-9A-Fa-f]{0,64}$")]]
    receivedAt: NotRequired[
        Annotated[AwareDatetime | None, Field(description="When the figures were read; now without it.")]
    ]


class AggregateRows(RootModel[AggregateRow | Annotated[list[AggregateRow], Field(max_length=MOST_ROWS)]]):
    """One row, or a list of them."""


_many: TypeAdapter[list[AggregateRow]] = TypeAdapter(list[AggregateRow])
_one: TypeAdapter[AggregateRow] = TypeAdapter(AggregateRow)


@dataclass(frozen=True, slots=True)
class _Call:
    """When a call was made, and what lies in the future as seen from there."""

    moment: dt.datetime
    latest: dt.datetime
    month: Month


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands for a row whose fields do not fit."""

    errors: Errors


def read_rows(raw: Sequence[Any], moment: dt.datetime, first: int = 0) -> list[IncomingAggregate | Errors]:
    """Read each row, or tell by field what is wrong with it; `first` is the place of the first in its body.

    A row without a time of its own was received at `moment`.
    """
    latest = moment + _CLOCKS_DIFFER_BY
    call = _Call(moment, latest, Month.of(latest))
    return [
        _convert(row, call, place) if isinstance(row, dict) else row.errors
        for place, row in enumerate(_validate(raw), first)
    ]


def _validate(raw: Sequence[Any]) -> Sequence[AggregateRow | _Refused]:
    bounded = [_bound(row) for row in raw]
    try:
        return _many.validate_python(bounded)
    except (ValidationError, UnicodeError):
        return [_validate_one(row) for row in bounded]


def _bound(raw: Any) -> Any:
    """Spare validation a row of which each of a hundred thousand names would be an error of its own."""
    if isinstance(raw, dict):
        parts = raw.get("categories")
        if len(raw) > _MOST_NAMES or (isinstance(parts, dict) and len(parts) > _MOST_NAMES):
            return Unreadable(f"An object has more than {_MOST_NAMES} names.")
    return raw


def _validate_one(raw: Any) -> AggregateRow | _Refused:
    if isinstance(raw, Unreadable):
        return _Refused({"row": [raw.reason]})
    if not isinstance(raw, dict):
        return _Refused({"row": ["Give an object."]})
    try:
        return _one.validate_python(raw)
    except ValidationError as error:
        found = name_errors(error, _WANTED)
    except UnicodeError:
        found = {name: [_HALF] for name, value in raw.items() if isinstance(value, str) and not _is_whole(value)}
        found = found or {"row": [_HALF]}
    for name, value in raw.items():
        if isinstance(value, Unreadable):
            found[name] = [value.reason]
    return _Refused({_printable(name): [_printable(said[0])] for name, said in list(found.items())[:_MOST_ERRORS]})


def _is_whole(text: str) -> bool:
    return text == text.encode("utf-8", "replace").decode()


def _printable(text: str) -> str:
    """Keep what a caller sent from making the answer unreadable, or long."""
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode().replace("\0", "?")


def _convert(row: AggregateRow, call: _Call, place: int) -> IncomingAggregate | Errors:
    parts, errors = _read_figures(row)
    errors = errors | _judge_user_and_times(row, call) | _judge_object(row)
    if errors:
        return errors
    return IncomingAggregate(
        row["userId"],
        row["month"],
        row["currency"],
        parts,
        row.get("receivedAt") or call.moment + place * _STEP,
        SOURCE,
        row.get("bucket", ""),
        row.get("key", ""),
        row.get("etag", "").strip('"'),
        row.get("sequencer", ""),
    )


def _read_figures(row: AggregateRow) -> tuple[dict[str, tuple[int, int]], Errors]:
    gross, net, categories = row.get("grossCents"), row.get("netCents"), row.get("categories")
    if categories is None:
        missing = {name: _NO_FIGURES for name, total in (("grossCents", gross), ("netCents", net)) if total is None}
        return {_UNCATEGORIZED: (gross or 0, net or 0)}, missing
    if not categories:
        return {}, {"categories": ["Name at least one category, or give totals."]}
    parts: dict[str, tuple[int, int]] = {
        name: (part["grossCents"], part["netCents"]) for name, part in categories.items()
    }
    errors: Errors = {}
    for place, (name, total) in enumerate((("grossCents", gross), ("netCents", net))):
        if total is not None and total != (found := sum(part[place] for part in parts.values())):
            errors[name] = [f"The categories add up to {found}."]
    return parts, errors


def _judge_object(row: AggregateRow) -> Errors:
    if _OBJECT.isdisjoint(row):
        return {}
    given = {"bucket": row.get("bucket"), "key": row.get("key"), "etag": row.get("etag", "").strip('"')}
    if not any(given.values()) and not row.get("sequencer"):
        return {}
    return {name: ["Bucket, key and etag go together."] for name, value in given.items() if not value}


def _judge_user_and_times(row: AggregateRow, call: _Call) -> Errors:
    errors: Errors = {} if row["userId"].isprintable() else {"userId": [_WANTED["userId"]]}
    at = row.get("receivedAt")
    if row["month"] > call.month:
        errors["month"] = ["This month has not begun (UTC)."]
    if at and not _EARLIEST <= at <= call.latest:
        errors["receivedAt"] = ["This is still to come." if at > call.moment else "That is too long ago."]
    return errors
