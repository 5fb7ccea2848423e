"""The door by which monthly earnings come in."""

from collections import Counter
from typing import Any, Literal

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic import Field
from pydantic_core import to_json
from rest_framework.request import Request

from common.api.authentication import CronSecret
from common.api.errors import ApiError
from common.api.models import Answer, ApiModel
from common.api.parsing import Limits
from common.api.views import ApiView
from common.clock import iso, now
from onlyfans.api.reading import RowsParser
from onlyfans.api.rows import MOST_ROWS, AggregateRows, Errors, read_rows
from onlyfans.services.ingesting import IncomingAggregate, ingest_call


class RowOutcome(ApiModel):
    """What became of a row: its place in the body, counted from 0, and for one that was refused each field's fault."""

    row: int
    outcome: Literal["created", "updated", "unchanged", "stale", "unmatched", "rejected"]
    user_id: str | None = None
    month: str | None = None
    errors: dict[str, list[str]] | None = None


class IngestedAnswer(Answer):
    """How many rows had which outcome, and each row's own, in the order of the body."""

    counts: dict[str, int] = Field(examples=[{"created": 2, "rejected": 1}])
    outcomes: tuple[RowOutcome, ...]


class AggregatesView(ApiView):
    """Takes creators' months in, each row on its own: a bad one is refused and the others are taken."""

    authentication_classes = [CronSecret]
    parser_classes = [RowsParser]
    # Ten thousand rows with all that they may hold, but for keys of a thousand letters.
    limits = Limits(bytes=16 * 1024 * 1024)

    @extend_schema(
        operation_id="ingest_aggregates",
        summary="Bring creators' monthly earnings",
        request=AggregateRows,
        responses=IngestedAnswer,
        tags=["ingest"],
    )
    def post(self, request: Request) -> HttpResponse:
        """Answer 200 with an outcome a row, whatever the outcomes; the same call again changes nothing."""
        moment = now()
        read = read_rows(_list_rows(request.data), moment)
        good = [row for row in read if isinstance(row, IncomingAggregate)]
        outcomes = iter(ingest_call(good, moment, len(read) - len(good)) if good else ())
        told = [_tell(place, row, outcomes) for place, row in enumerate(read)]
        counts = Counter(str(one["outcome"]) for one in told)
        answer = {"success": True, "timestamp": iso(moment), "counts": counts, "outcomes": told}
        # Written at once: ten thousand outcomes one by one take longer than what they tell of.
        return HttpResponse(to_json(answer), content_type="application/json")


def _list_rows(data: Any) -> list[Any]:
    if not isinstance(data, list):
        return [data]
    if len(data) > MOST_ROWS:
        raise ApiError(413, f"That are too many rows: at most {MOST_ROWS:,} are taken at once.")
    return data


def _tell(place: int, row: IncomingAggregate | Errors, outcomes: Any) -> dict[str, Any]:
    if isinstance(row, dict):
        return {"row": place, "outcome": "rejected", "errors": row}
    return {"row": place, "outcome": next(outcomes), "userId": row.user_id, "month": str(row.month)}
