"""Result files: the published schemas of what workers write, and reading a file by them.

A schema never changes once workers write by it: what they write otherwise is a new version beside it.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema

from common.clock import Month
from onlyfans.providers.bodies import NotReadable, read_json

# Nobody's clock is right to the second.
_AHEAD = dt.timedelta(minutes=5)
_MOST_REASONS = 50
_MOST = 10**15

UserId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@:-]{1,64}$", description="The id by which OnlyFans knows them.")]
ObservedAt = Annotated[
    str,
    Field(
        pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$",
        description="When the worker saw what it tells; not after the file is stored.",
        json_schema_extra={"format": "date-time"},
    ),
]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Cents = Annotated[int, Field(ge=-_MOST, le=_MOST, description="In hundredths of the currency.")]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
MonthText = Annotated[str, Field(pattern=r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])$")]
Category = Literal["subscriptions", "tips", "messages", "posts", "streams", "referrals", "chargebacks"]


class _Schema(GenerateJsonSchema):
    """JSON schema without a title on each field that only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave it out."""
        return False


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True)


class Amounts(_Part):
    """Earnings before and after what OnlyFans keeps; chargebacks are negative."""

    gross_cents: Cents
    net_cents: Cents


class EarningsData(_Part):
    """Whole months: a category that is left out came to nothing."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    months: Annotated[
        dict[MonthText, Annotated[dict[Category, Amounts], Field(min_length=1)]],
        Field(min_length=1, max_length=120, json_schema_extra={"additionalProperties": False}),
    ]


class ProfileData(_Part):
    """The account as everybody sees it."""

    username: Text
    display_name: Text
    posts: Count
    likes: Count
    subscribe_price_cents: Count


class FansData(_Part):
    """How many fans there are, and how many there were."""

    fans: Count
    fans_expired: Count


class MessagesData(_Part):
    """How many messages there were in the calendar month (UTC) of `observedAt` up to then."""

    messages_sent: Count
    messages_received: Count
    replies: Annotated[int, Field(ge=0, le=_MOST, description="Those received that answer one of ours.")]


class ResultDocument(_Part):
    """What stands in every result file."""

    kind: str
    version: int
    user_id: UserId
    observed_at: ObservedAt
    job_id: Annotated[str, Field(max_length=200, description="The worker's job, for people.")] = ""
    data: Any


class EarningsV1(ResultDocument):
    """What a creator earned, month by month and category by category."""

    kind: Literal["earnings"]
    version: Literal[1]
    data: EarningsData


class ProfileV1(ResultDocument):
    """A creator's profile."""

    kind: Literal["profile"]
    version: Literal[1]
    data: ProfileData


class FansV1(ResultDocument):
    """A creator's fans, counted."""

    kind: Literal["fans"]
    version: Literal[1]
    data: FansData


class MessagesV1(ResultDocument):
    """A creator's messages, counted."""

    kind: Literal["messages"]
    version: Literal[1]
    data: MessagesData


SCHEMAS: Mapping[tuple[str, int], type[ResultDocument]] = {
    ("earnings", 1): EarningsV1,
    ("profile", 1): ProfileV1,
    ("fans", 1): FansV1,
    ("messages", 1): MessagesV1,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a file is rejected: which field, and a sentence."""

    field: str
    why: str


class Rejected(Exception):
    """The file can't be taken, however often it is read."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__("; ".join(f"{reason.field}: {reason.why}" for reason in reasons))
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


@cache
def get_schema(kind: str, version: int) -> dict[str, Any]:
    """Return the JSON schema of a kind of result file; LookupError where there is none."""
    schema = SCHEMAS[kind, version].model_json_schema(schema_generator=_Schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


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
        raise Rejected(Reason("kind", f"It is none of {', '.join(kinds)}."))
    if not isinstance(version, int) or isinstance(version, bool) or (kind, version) not in SCHEMAS:
        known = ", ".join(str(known) for each, known in SCHEMAS if each == kind)
        raise Rejected(Reason("version", f"There is no such version of {kind}, but {known}."))
    try:
        return SCHEMAS[kind, version].model_validate(value)
    except ValidationError as error:
        raise Rejected(*_explain(error)) from None


def _explain(error: ValidationError) -> list[Reason]:
    """Name each field that does not fit; no reason repeats what stands there."""
    found = []
    for part in error.errors(include_url=False, include_input=False)[:_MOST_REASONS]:
        place = [name for name in part["loc"] if name != "[key]"]
        path = ".".join(re.sub(r"[^\w.@:-]", "\N{REPLACEMENT CHARACTER}", str(name)[:80]) for name in place)
        found.append(Reason(path or "file", f"{part['msg']}."))
    return found


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
