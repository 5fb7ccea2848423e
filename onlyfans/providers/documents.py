"""The published schemas of result files: one definition checks what workers write and says how it must look.

A schema never changes once workers write by it: what they write otherwise is a new version beside it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema

from common.money import CURRENCY_PATTERN, MOST_CENTS

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
Cents = Annotated[
    int,
    Field(
        ge=-MOST_CENTS,
        le=MOST_CENTS,
        description="In the currency's minor unit: cents of USD, whole yen of JPY, thousandths (fils) of KWD.",
    ),
]
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

    currency: Annotated[str, Field(pattern=CURRENCY_PATTERN)]
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


@cache
def get_schema(kind: str, version: int) -> dict[str, Any]:
    """Return the JSON schema of a kind of result file; LookupError where there is none."""
    schema = SCHEMAS[kind, version].model_json_schema(schema_generator=_Schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
