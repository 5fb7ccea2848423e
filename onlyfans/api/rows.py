"""The rows of an earnings call: what they hold, and what is wrong with those that are refused."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, RootModel, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from common.api.models import ApiModel, name_errors
from common.clock import Month
from common.money import MOST_CENTS
from onlyfans.api.reading import MOST_ROWS
from onlyfans.api.scanning import Unreadable
from onlyfans.services.ingesting import IncomingAggregate

SOURCE = "api"
_UNCATEGORIZED = "uncategorized"
_CLOCKS_DIFFER_BY = dt.timedelta(minutes=5)
_EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MOST_ERRORS, _LONGEST_TEXT, _MOST_NAMES = 20, 200, 20
_HALF = "This holds a character that is not allowed: half of a pair."
# Apart, since what came later in a body is taken to be newer.
_STEP = dt.timedelta(microseconds=1)

# Instead of the pattern that a text does not match.
_WANTED = {
    "userId": "Give OnlyFans' user id, without spaces.",
    "currency": "Give three capital letters, like USD.",
    "sequencer": "Give S3's sequencer: at most 64 hexadecimal digits.",
    **dict.fromkeys(("bucket", "key", "etag"), "This holds a character that is not allowed: NUL."),
}

type Errors = dict[str, list[str]]
type Cents = Annotated[int, Field(strict=True, ge=-MOST_CENTS, le=MOST_CENTS)]
type Category = Literal[
    "subscriptions", "tips", "messages", "posts", "streams", "referrals", "chargebacks", "uncategorized"
]


class _Row(ApiModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False, extra="forbid")


class CategoryFigures(_Row):
    """What was earned in a category, before and after OnlyFans' fee; chargebacks are negative."""

    gross_cents: Cents
    net_cents: Cents


class AggregateRow(_Row):
    """A creator's month: its totals, or its figures by category, and perhaps the object that they came in.

    Given both, they must agree. `bucket`, `key` and `etag` go together; S3's `sequencer` orders the versions of a key.
    """

    user_id: str = Field(max_length=64, pattern=r"^[^\s\x00-\x1f\x7f]+$", examples=["of_123456"])
    month: Month
    currency: str = Field(pattern="^[A-Z]{3}$", examples=["USD"])
    gross_cents: Cents | None = None
    net_cents: Cents | None = None
    categories: dict[Category, CategoryFigures] | None = Field(default=None, max_length=_MOST_NAMES)
    bucket: str = Field(default="", max_length=255, pattern=r"^[^\x00]*$")
    key: str = Field(default="", max_length=1024, pattern=r"^[^\x00]*$")
    etag: str = Field(default="", max_length=128, pattern=r"^[^\x00]*$")
    sequencer: str = Field(default="", pattern="^[0-9A-Fa-f]{0,64}$")
    received_at: AwareDatetime | None = Field(default=None, description="When the figures were read; now without it.")


class AggregateRows(RootModel[AggregateRow | Annotated[list[AggregateRow], Field(max_length=MOST_ROWS)]]):
    """One row, or a list of them."""


_many: TypeAdapter[list[AggregateRow]] = TypeAdapter(list[AggregateRow])


def read_rows(raw: Sequence[Any], moment: dt.datetime, first: int = 0) -> list[IncomingAggregate | Errors]:
    """Read each row, or tell by field what is wrong with it; `first` is the place of the first in its body.

    A row without a time of its own was received at `moment`.
    """
    return [
        row if isinstance(row, dict) else _convert(row, moment + place * _STEP, moment)
        for place, row in enumerate(_validate(raw), first)
    ]


def _validate(raw: Sequence[Any]) -> Sequence[AggregateRow | Errors]:
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


def _validate_one(raw: Any) -> AggregateRow | Errors:
    if isinstance(raw, Unreadable):
        return {"row": [raw.reason]}
    if not isinstance(raw, dict):
        return {"row": ["Give an object."]}
    try:
        return AggregateRow.model_validate(raw)
    except ValidationError as error:
        found = name_errors(error, _WANTED)
    except UnicodeError:
        found = {name: [_HALF] for name, value in raw.items() if isinstance(value, str) and not _is_whole(value)}
        found = found or {"row": [_HALF]}
    for name, value in raw.items():
        if isinstance(value, Unreadable):
            found[name] = [value.reason]
    return {_printable(name): [_printable(said[0])] for name, said in list(found.items())[:_MOST_ERRORS]}


def _is_whole(text: str) -> bool:
    return text == text.encode("utf-8", "replace").decode()


def _printable(text: str) -> str:
    """Keep what a caller sent from making the answer unreadable, or long."""
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode().replace("\0", "?")


def _convert(row: AggregateRow, received_at: dt.datetime, moment: dt.datetime) -> IncomingAggregate | Errors:
    parts = _parts(row)
    if row.categories is not None and not row.categories:
        return {"categories": ["Name at least one category, or give totals."]}
    if errors := _judge_figures(row, parts) | _judge_object(row) | _judge_user_and_times(row, moment):
        return errors
    return IncomingAggregate(
        row.user_id,
        row.month,
        row.currency,
        parts,
        row.received_at or received_at,
        SOURCE,
        row.bucket,
        row.key,
        row.etag.strip('"'),
        row.sequencer,
    )


def _parts(row: AggregateRow) -> dict[str, tuple[int, int]]:
    if row.categories is not None:
        return {name: (part.gross_cents, part.net_cents) for name, part in row.categories.items()}
    return {_UNCATEGORIZED: (row.gross_cents or 0, row.net_cents or 0)}


def _judge_figures(row: AggregateRow, parts: dict[str, tuple[int, int]]) -> Errors:
    errors: Errors = {}
    for place, (name, total) in enumerate((("grossCents", row.gross_cents), ("netCents", row.net_cents))):
        found = sum(part[place] for part in parts.values())
        if total is None and row.categories is None:
            errors[name] = ["Give totals, or categories."]
        elif total is not None and total != found:
            errors[name] = [f"The categories add up to {found}."]
    return errors


def _judge_object(row: AggregateRow) -> Errors:
    if not (row.bucket or row.key or row.etag or row.sequencer):
        return {}
    given = {"bucket": row.bucket, "key": row.key, "etag": row.etag.strip('"')}
    return {name: ["Bucket, key and etag go together."] for name, value in given.items() if not value}


def _judge_user_and_times(row: AggregateRow, moment: dt.datetime) -> Errors:
    errors: Errors = {} if row.user_id.isprintable() else {"userId": [_WANTED["userId"]]}
    at, latest = row.received_at, moment + _CLOCKS_DIFFER_BY
    if row.month > Month.of(latest):
        errors["month"] = ["This month has not begun (UTC)."]
    if at and not _EARLIEST <= at <= latest:
        errors["receivedAt"] = ["This is still to come." if at > moment else "That is too long ago."]
    return errors
