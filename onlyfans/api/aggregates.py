"""The door by which monthly earnings come in."""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Literal

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic import Field
from pydantic_core import to_json
from rest_framework.request import Request

from common.api.authentication import CronSecret
from common.api.errors import ApiError
from common.api.models import Answer, ApiModel, Refusal
from common.api.views import ApiView
from common.clock import iso, now
from onlyfans.api.reading import RowsParser, exhaust, read_batches
from onlyfans.api.rows import AggregateRows, Errors, read_rows
from onlyfans.api.scanning import Unread
from onlyfans.services.ingesting import IncomingAggregate, ingest_call

logger = logging.getLogger(__name__)
_AGAIN = "It is safe to send all of it again."
_UNREACHABLE = ApiError(503, "The database can't be reached just now", code="unavailable", headers={"Retry-After": "5"})
_COUNTS: Any = Field(examples=[{"created": 2, "rejected": 1}])


class RowOutcome(ApiModel):
    """What became of a row: its place in the body, counted from 0, and for one that was refused each field's fault."""

    row: int
    outcome: Literal["created", "updated", "unchanged", "stale", "unmatched", "rejected"]
    user_id: str | None = None
    month: str | None = None
    errors: dict[str, list[str]] | None = None


class IngestedAnswer(Answer):
    """How many rows had which outcome, and each row's own, in the order of the body."""

    counts: dict[str, int] = _COUNTS
    outcomes: tuple[RowOutcome, ...]


class UnreadRest(ApiModel):
    """Where reading ended: the first row that has no outcome, and the byte at which the body breaks, from 0."""

    row: int
    byte: int | None = None


class IngestedInPart(Refusal):
    """Something is missing: the rows before `unread` were taken in and have their outcomes, all others were not.

    Without `unread`, the call was refused before its body was read.
    """

    counts: dict[str, int] | None = None
    outcomes: tuple[RowOutcome, ...] | None = None
    unread: UnreadRest | None = None


class AggregatesView(ApiView):
    """Takes creators' months in as they arrive, each row on its own: a bad one is refused and the others are taken."""

    authentication_classes = [CronSecret]
    parser_classes = [RowsParser]

    @extend_schema(
        operation_id="ingest_aggregates",
        summary="Bring creators' monthly earnings",
        request=AggregateRows,
        responses={200: IngestedAnswer, 400: IngestedInPart, 413: IngestedInPart, 503: IngestedInPart},
        tags=["ingest"],
    )
    def post(self, request: Request) -> HttpResponse:
        """Answer with an outcome a row: 200 if all were read, else why they were not. The same again is safe."""
        # Where there is no body, no parser was asked.
        given: Any = request.data
        batches: Iterator[list[Any]] = given if isinstance(given, Iterator) else read_batches(BytesIO())
        taken = _Taken(now())
        try:
            for rows in batches:
                taken.add(rows)
        except Unread as error:
            return taken.refuse(error, error.byte)
        except (OperationalError, InterfaceError) as error:
            logger.error("The API can't reach the database (%s)", type(error).__name__)
            exhaust(batches)
            return taken.refuse(_UNREACHABLE)
        return taken.answer({"success": True, "timestamp": iso(taken.moment)})


class _Taken:
    """What became of a call's rows so far, kept as the JSON that it is told in: ten thousand objects would be large."""

    def __init__(self, moment: dt.datetime) -> None:
        self.moment, self.rows = moment, 0
        self._counts: Counter[str] = Counter()
        self._told: list[bytes] = []

    def add(self, raw: list[Any]) -> None:
        """Take a batch in."""
        read = read_rows(raw, self.moment, self.rows)
        good = [row for row in read if isinstance(row, IncomingAggregate)]
        outcomes = iter(ingest_call(good, self.moment, len(read) - len(good)) if good else ())
        both = zip(read, raw, strict=True)
        told = [_tell(place, row, given, outcomes) for place, (row, given) in enumerate(both, self.rows)]
        self._counts.update([one["outcome"] for one in told])
        self._told.append(to_json(told)[1:-1])
        self.rows += len(read)

    def answer(self, head: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
        """Answer with the counts and the outcomes after what comes first."""
        start = to_json({**head, "counts": self._counts})[:-1]
        body = b"".join((start, b',"outcomes":[', b",".join(self._told), b"]}"))
        return HttpResponse(body, status=status, headers=headers, content_type="application/json")

    def refuse(self, error: ApiError, byte: int | None = None) -> HttpResponse:
        """Answer in the shape of every error, with what was taken in all the same."""
        where = f" (byte {byte:,})" if byte is not None else ""
        several = f"The {self.rows:,} rows before that were read and have" if self.rows else "No row has"
        before = "The row before that was read and has" if self.rows == 1 else several
        message = f"{error.message}{where}. {before} an outcome; nothing else was taken in. {_AGAIN}"
        told = ApiError(error.status, message, code=error.code, headers=error.headers)
        unread = {"row": self.rows} | ({"byte": byte} if byte is not None else {})
        return self.answer(told.body() | {"unread": unread}, error.status, error.headers)


def _tell(place: int, row: IncomingAggregate | Errors, given: Any, outcomes: Iterator[Any]) -> dict[str, Any]:
    if isinstance(row, dict):
        return {"row": place, "outcome": "rejected", "errors": row}
    return {"row": place, "outcome": next(outcomes), "userId": row.user_id, "month": given["month"]}
