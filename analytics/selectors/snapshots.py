"""What snapshots tell."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Count, Func, Max, Q

from analytics.models import MetricDay, ProviderSnapshot
from analytics.registry import Scope, list_sources
from common.clock import iso


def summarize_slot(slot_at: dt.datetime, provider: str = "") -> dict[str, Any]:
    """Count a slot's snapshots, those with something missing, and those in which something jumped."""
    rows = ProviderSnapshot.objects.filter(slot_at=slot_at, **({"provider": provider} if provider else {}))
    figures = rows.aggregate(
        snapshots=Count("pk"),
        incomplete=Count("pk", filter=~Q(state=ProviderSnapshot.State.COMPLETE)),
        jumps=Count("pk", filter=~Q(jumps={})),
    )
    return {"slot": iso(slot_at), **figures}


def list_jumps(scope: Scope) -> list[ProviderSnapshot]:
    """List the snapshots in which something jumped, the newest first."""
    rows = ProviderSnapshot.objects.exclude(jumps={}).filter(
        slot_at__gte=dt.datetime.combine(scope.first_day, dt.time(), dt.UTC),
        slot_at__lt=dt.datetime.combine(scope.last_day + dt.timedelta(days=1), dt.time(), dt.UTC),
    )
    if scope.organization:
        rows = rows.filter(organization=scope.organization)
    if scope.creator:
        rows = rows.filter(provider=scope.provider, creator=scope.creator)
    return list(rows.order_by("-slot_at", "-id")[: scope.limit])


def count_last_slots() -> dict[str, tuple[dt.datetime, int, int]]:
    """Count, of each source's last slot, its snapshots and those with something missing."""
    latest = ProviderSnapshot.objects.order_by("-slot_at", "-id").values_list("slot_at", flat=True).first()
    if latest is None:
        return {}
    # A source that has told nothing for a week is one that never tells.
    slots = ProviderSnapshot.objects.filter(slot_at__gt=latest - dt.timedelta(days=7))
    found: dict[str, tuple[dt.datetime, int, int]] = {}
    for source in list_sources():
        mine = slots.filter(provider=source.provider)
        last = mine.order_by("-slot_at", "-id").values_list("slot_at", flat=True).first()
        if last is not None:
            figures = summarize_slot(last, source.provider)
            found[source.provider] = (last, figures["snapshots"], figures["incomplete"])
    return found


class _HasChange(Func):
    """Whether any metric differs from the slot before."""

    template = "jsonb_path_exists(%(expressions)s, '$.* ? (@ != 0)')"
    output_field = BooleanField()


def find_unchanged_since(snapshot: ProviderSnapshot) -> dt.datetime | None:
    """Find the slot since which a creator's figures are those of a snapshot; None where they changed in its own."""
    rows = ProviderSnapshot.objects.filter(
        provider=snapshot.provider, creator=snapshot.creator, slot_at__lte=snapshot.slot_at
    )
    slots = rows.values_list("slot_at", flat=True)
    found = slots.filter(_HasChange("deltas")).order_by("-slot_at", "-id").first()
    # What never changed is so since it was first known.
    found = found or slots.exclude(metrics={}).order_by("slot_at", "id").first()
    return None if found == snapshot.slot_at else found


def list_last_changes() -> dict[str, dt.date]:
    """Return the last day on which figures of a source came to something else, over all creators."""
    providers = [source.provider for source in list_sources()]
    rows = MetricDay.objects.filter(provider__in=providers, is_total=True, organization=None).exclude(change=0)
    return dict(rows.order_by().values_list("provider").annotate(Max("day")))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended."""

    slot_at: dt.datetime
    pk: int


def list_page(
    *,
    organization: str = "",
    provider: str = "",
    creator: str = "",
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    after: Place | None = None,
    limit: int,
) -> list[ProviderSnapshot]:
    """List snapshots, the newest first, from where a page ended; what is not given is no filter."""
    wanted: dict[str, Any] = {
        "organization": organization,
        "provider": provider,
        "creator": creator,
        "slot_at__gte": since,
        "slot_at__lt": until,
    }
    rows = ProviderSnapshot.objects.filter(**{name: value for name, value in wanted.items() if value})
    if after:
        # The first condition is what an index understands.
        rows = rows.filter(
            Q(slot_at__lt=after.slot_at) | Q(slot_at=after.slot_at, pk__lt=after.pk), slot_at__lte=after.slot_at
        )
    return list(rows.order_by("-slot_at", "-id")[:limit])
