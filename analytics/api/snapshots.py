"""Snapshots for front ends: those of one's own organization, page by page."""

import base64
import binascii
import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from pydantic.alias_generators import to_camel
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TokenAuthentication
from accounts.models import User
from analytics.models import ProviderSnapshot
from analytics.selectors.snapshots import Place, list_page
from common.api.errors import refuse_fields
from common.api.models import Answer, ApiModel, Instant, describe_model, one_of, read_model
from common.api.views import ApiView
from common.clock import iso

_VIEW = "analytics.view_providersnapshot"
_MOST = 200


class SnapshotsQuery(ApiModel):
    """Which snapshots are asked for."""

    provider: str = Field("", max_length=32, description="Of one provider, like onlyfans.")
    creator: str = Field("", max_length=64, description="Of one creator, by the provider's own id.")
    organization: str = Field("", max_length=64, description="An organization's id, for staff; one's own otherwise.")
    since: Instant | None = Field(None, alias="from", description="Slots that begin at this instant or later.")
    until: Instant | None = Field(None, alias="to", description="Slots that begin before this instant.")
    limit: int = Field(50, ge=1, le=_MOST, description="How many an answer holds at most.")
    cursor: str = Field("", max_length=200, description="The nextCursor of the answer before.")


class Jump(ApiModel):
    """A change out of all proportion, and the usual one."""

    change: int
    usual: int


class Snapshot(ApiModel):
    """What a provider told of a creator in a slot; metrics are by name, money in the currency's minor unit."""

    provider: str
    creator: str
    organization: str | None
    slot_at: Instant
    read_at: Instant
    state: str = one_of(ProviderSnapshot.State)
    error: str
    currency: str
    metrics: dict[str, int]
    deltas: dict[str, int] = Field(description="Changes since the slot before.")
    jumps: dict[str, Jump] = Field(description="Changes at least five times as large as the creator's usual ones.")


class SnapshotsAnswer(Answer):
    """A page of snapshots, the newest first; `nextCursor` is null on the last one."""

    snapshots: tuple[Snapshot, ...]
    next_cursor: str | None


def _parameters() -> list[OpenApiParameter]:
    schema, _ = describe_model(SnapshotsQuery, "validation")
    return [
        OpenApiParameter(name, type=_plain(of), location="query", description=of.get("description", ""))
        for name, of in schema["properties"].items()
    ]


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Take what may be null as what may be left out, which is all that an address can say."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    return {name: value for name, value in kinds[0].items() if name not in {"description", "default"}}


class SnapshotsView(ApiView):
    """Lists snapshots."""

    authentication_classes = [TokenAuthentication]

    @extend_schema(
        operation_id="analytics_snapshots",
        summary="List snapshots, the newest first",
        parameters=_parameters(),
        responses=SnapshotsAnswer,
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        """Answer with one page."""
        asked = read_model(SnapshotsQuery, dict(request.query_params.items()))
        organization = _whose(cast("User", request.user), asked)
        if asked.since and asked.until and asked.since >= asked.until:
            raise refuse_fields({"to": ["Give an instant after “from”."]})
        rows = list_page(
            organization=organization,
            provider=asked.provider,
            creator=asked.creator,
            since=asked.since,
            until=asked.until,
            after=_read_cursor(asked.cursor) if asked.cursor else None,
            limit=asked.limit + 1,
        )
        page = rows[: asked.limit]
        following = _write_cursor(page[-1]) if len(rows) > asked.limit else None
        return self.answer(SnapshotsAnswer(snapshots=tuple(_describe(row) for row in page), next_cursor=following))


def _whose(user: User, asked: SnapshotsQuery) -> str:
    """Tell whose snapshots are asked for: members see their own organization's, staff any."""
    if user.is_staff:
        if not user.has_perm(_VIEW):
            raise PermissionDenied("You may not see snapshots.")
        return asked.organization
    if user.organization_id is None:
        raise PermissionDenied("You belong to no organization.")
    if asked.organization not in {"", user.organization_id}:
        raise PermissionDenied("You may see your own organization's only.")
    return user.organization_id


def _describe(row: ProviderSnapshot) -> Snapshot:
    return Snapshot(
        provider=row.provider,
        creator=row.creator,
        organization=row.organization_id,
        slot_at=row.slot_at,
        read_at=row.read_at,
        state=row.state,
        error=row.error,
        currency=row.currency,
        metrics={to_camel(name): value for name, value in row.metrics.items()},
        deltas={to_camel(name): value for name, value in row.deltas.items()},
        jumps={to_camel(name): Jump(**jump) for name, jump in row.jumps.items()},
    )


def _write_cursor(row: ProviderSnapshot) -> str:
    return base64.urlsafe_b64encode(f"{iso(row.slot_at)} {row.pk}".encode()).decode().rstrip("=")


def _read_cursor(text: str) -> Place:
    try:
        at, _, pk = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(" ")
        if not (pk.isdecimal() and len(pk) <= 18):
            raise ValueError
        place = Place(dt.datetime.fromisoformat(at), int(pk))
        if place.slot_at.tzinfo is None:
            raise ValueError
    except (ValueError, binascii.Error):
        raise refuse_fields({"cursor": ["Give the nextCursor of an answer, as it was."]}) from None
    return place
