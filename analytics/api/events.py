"""Events of front ends: a batch in, an outcome an event out."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TokenAuthentication
from accounts.models import User
from analytics.api.models import Batch, EventOutcome, EventsAnswer, EventsRequest, ToldEvent
from analytics.api.properties import judge_properties, write_numbers
from analytics.models import NewEvent
from analytics.selectors.events import list_known_organizations
from analytics.selectors.partitions import get_oldest_kept
from analytics.services.recording import record_told
from common.api.errors import ApiError
from common.api.models import read_model
from common.api.parsing import Limits
from common.api.views import ApiView
from common.clock import iso, now

SOURCE = "api"
_RECORD = "analytics.record_event"
# Clocks of devices are wrong by minutes, seldom by more.
AHEAD = dt.timedelta(hours=1)
_OLDEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_Fields = dict[str, list[str]]


@dataclass
class _Judged:
    """An event as it was sent, with what is to be recorded of it or what does not fit."""

    key: str | None = None
    event: NewEvent | None = None
    fields: _Fields = field(default_factory=dict)


class EventsView(ApiView):
    """Takes events into the log."""

    authentication_classes = [TokenAuthentication]
    limits = Limits(bytes=2 * 1024 * 1024)

    @extend_schema(
        operation_id="analytics_events",
        summary="Record events",
        request=EventsRequest,
        responses=EventsAnswer,
        tags=["analytics"],
    )
    def post(self, request: Request) -> Response:
        """Judge each event by itself, and record those that fit."""
        user = cast("User", request.user)
        _let_in(user)
        sent = read_model(Batch, request.data).events
        judged = list(_judge_all(sent, user))
        fresh = record_told([part.event for part in judged if part.event], user)
        return self.answer(_tell(judged, fresh))


def _let_in(user: User) -> None:
    """Let staff in by permission, and whoever belongs to an organization."""
    if user.is_staff:
        if not user.has_perm(_RECORD):
            raise PermissionDenied("You may not record events.")
    elif user.organization_id is None:
        raise PermissionDenied("You belong to no organization.")


def _judge_all(sent: Sequence[Any], user: User) -> Iterator[_Judged]:
    moment, read = now(), [_read(part) for part in sent]
    wanted = {told.organization for told, _ in read if told and told.organization} if user.is_staff else set()
    known = list_known_organizations(wanted)
    oldest = get_oldest_kept(moment)
    window = (oldest.starts_at if oldest else _OLDEST, moment + AHEAD)
    for part, (told, fields) in zip(sent, read, strict=True):
        if told is None:
            yield _Judged(_read_key(part), fields=fields)
            continue
        organization = told.organization or user.organization_id
        wrong = _judge_organization(organization, user, known) | _judge_instant(told, window) | _judge_properties(told)
        yield _Judged(told.idempotency_key, None if wrong else _make(told, organization), wrong)


def _read(part: Any) -> tuple[ToldEvent | None, _Fields]:
    try:
        return read_model(ToldEvent, part), {}
    except ApiError as error:
        return None, {name: list(said) for name, said in error.fields.items()} or {"event": [error.message]}


def _read_key(part: Any) -> str | None:
    """Name an event that does not fit as far as it names itself."""
    key = (part.get("idempotencyKey") or part.get("idempotency_key")) if isinstance(part, dict) else None
    return key[:128] if isinstance(key, str) else None


def _judge_organization(organization: str | None, user: User, known: set[str]) -> _Fields:
    if not user.is_staff and organization != user.organization_id:
        return {"organization": ["You may record events of your own organization only."]}
    if user.is_staff and organization and organization not in known:
        return {"organization": ["There is no such organization."]}
    return {}


def _judge_instant(told: ToldEvent, window: tuple[dt.datetime, dt.datetime]) -> _Fields:
    start, end = window
    if told.occurred_at < start:
        return {"occurredAt": [f"Events are kept from {iso(start)} on."]}
    return {"occurredAt": ["That is more than an hour ahead of our clock."]} if told.occurred_at > end else {}


def _judge_properties(told: ToldEvent) -> _Fields:
    said = judge_properties(told.properties)
    return {"properties": [said]} if said else {}


def _make(told: ToldEvent, organization: str | None) -> NewEvent:
    return NewEvent(
        name=told.name,
        occurred_at=told.occurred_at,
        # A world of their own for each organization: nobody can take a key before somebody else does.
        idempotency_key=f"{SOURCE}/{quote(organization or '', safe='')}/{told.idempotency_key}",
        organization_id=organization,
        creator=told.creator,
        provider=told.provider,
        source=SOURCE,
        properties=write_numbers(told.properties),
    )


def _tell(judged: list[_Judged], fresh: set[str]) -> EventsAnswer:
    outcomes = []
    for part in judged:
        outcome = "refused" if part.event is None else "known"
        if part.event and part.event.idempotency_key in fresh:
            # The first of those that have the same key in one batch.
            fresh.remove(part.event.idempotency_key)
            outcome = "recorded"
        outcomes.append(EventOutcome(idempotency_key=part.key, outcome=outcome, fields=part.fields or None))
    counts = {name: sum(one.outcome == name for one in outcomes) for name in ("recorded", "known", "refused")}
    return EventsAnswer(events=tuple(outcomes), **counts)
