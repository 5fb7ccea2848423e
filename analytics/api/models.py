"""What recording events takes and answers."""

from typing import Any, Literal

from pydantic import Field

from analytics.models import LONGEST
from common.api.models import Answer, ApiModel, Instant

MOST_EVENTS = 1_000


class ToldEvent(ApiModel):
    """Something that happened; `idempotencyKey` says which happening it is, so that it can be told again."""

    name: str = Field(
        min_length=1,
        max_length=LONGEST["name"],
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*$",
        examples=["message.opened"],
        description="What, and what became of it.",
    )
    occurred_at: Instant
    idempotency_key: str = Field(min_length=1, max_length=128, description="Unique within the organization.")
    organization: str | None = Field(
        None, max_length=LONGEST["organization_id"], description="An organization's id; one's own unless given."
    )
    creator: str = Field("", max_length=LONGEST["creator"], description="The provider's own id of the creator.")
    provider: str = Field("", max_length=LONGEST["provider"], examples=["onlyfans"])
    properties: dict[str, Any] = Field(
        default_factory=dict,
        description="What else is known: at most 8,192 bytes of JSON, five levels deep; amounts as integers. No number "
        "has more digits than a double keeps.",
    )


class EventsRequest(ApiModel):
    """Events, each of which is judged by itself: one that does not fit keeps no other from being recorded."""

    events: tuple[ToldEvent, ...] = Field(min_length=1, max_length=MOST_EVENTS)


class Batch(ApiModel):
    """The same before each is judged."""

    events: tuple[Any, ...] = Field(min_length=1, max_length=MOST_EVENTS)


class EventOutcome(ApiModel):
    """What became of an event: recorded, known already by its key, or refused; `fields` says what does not fit."""

    idempotency_key: str | None
    outcome: Literal["recorded", "known", "refused"]
    fields: dict[str, list[str]] | None = None


class EventsAnswer(Answer):
    """What became of each event, in the order in which they were sent."""

    recorded: int
    known: int
    refused: int
    events: tuple[EventOutcome, ...]
