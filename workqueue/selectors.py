"""How the rows of a work queue stand."""

from dataclasses import dataclass

from django.db.models import Count, DateTimeField, Max, Min, Q
from django.db.models.functions import Coalesce, Now

from workqueue.models import LeasedRow


@dataclass(frozen=True, slots=True)
class Depth:
    """How many rows wait, are leased and are dead."""

    waiting: int
    leased: int
    dead: int
    # For how long the first that waits has been due.
    oldest_seconds: float
    # In how many seconds the next row falls due; 0 where one is due, None where none waits.
    next_seconds: float | None


def get_depth(model: type[LeasedRow], arrived: str) -> Depth:
    """Measure a queue's table; `arrived` is the column that is set when a row comes."""
    since = Coalesce("not_before", arrived, output_field=DateTimeField())
    figures = (
        model._default_manager.filter(Q(status__in=LeasedRow.UNENDED) | Q(status=LeasedRow.DEAD))
        .order_by()
        .aggregate(
            waiting=Count("pk", filter=Q(status=LeasedRow.WAITING)),
            leased=Count("pk", filter=Q(status=LeasedRow.WORKING)),
            dead=Count("pk", filter=Q(status=LeasedRow.DEAD)),
            first=Min(since, filter=Q(status=LeasedRow.WAITING)),
            now=Max(Now()),
        )
    )
    after = (figures["first"] - figures["now"]).total_seconds() if figures["first"] else None
    return Depth(
        figures["waiting"],
        figures["leased"],
        figures["dead"],
        max(-after, 0.0) if after is not None else 0.0,
        max(after, 0.0) if after is not None else None,
    )
