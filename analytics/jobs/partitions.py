"""The event log's tables: made before they are needed, dropped when the policy says so."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from analytics.selectors.partitions import STAYS_AFTER_RECORDING, get_oldest_kept, list_months, plan_partitions
from analytics.services.partitions import drop_month, make_month
from common.clock import Month, now
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Column, Job, job

_MAKE, _DROP, _KEEP = "make", "drop", "keep"
_MADE, _DROPPED, _KEPT = "Made", "Dropped", "Kept for now: events came lately"


def _show_events(result: dict[str, Any]) -> str:
    return f"{result['events']:,}" if "events" in result else "-"


@job(
    "event-partitions",
    title="Event partitions",
    schedule="40 3 * * *",
    overlap="forbid",
    queue="analytics",
    batch_size=1,
)
class EventPartitions(Job):
    """Makes the event log's tables of the coming months, and drops the months that are no longer kept."""

    columns = (
        Column("Month", lambda result: str(result.get("month", "-"))),
        Column("Done", lambda result: str(result.get("done", "-"))),
        Column("Events", _show_events, numeric=True),
    )
    summary_order = ("made", "moved_events", "dropped", "dropped_events", "kept_for_now", "oldest_kept", "there")

    def keys(self) -> Iterable[str]:
        """Expect each month that lacks its table, and each that is kept no longer or only for now."""
        plan = plan_partitions(now())
        for verb, months in ((_MAKE, plan.make), (_DROP, plan.drop), (_KEEP, plan.kept_for_now)):
            yield from (f"{verb} {month}" for month in months)

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Make or drop a month's table."""
        for key in keys:
            verb, _, month = key.partition(" ")
            done, events = _DEEDS[verb](Month.parse(month))
            context.note(key, month=month, done=done, **({} if events is None else {"events": events}))

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Tell what was made and dropped, and what there is now."""
        results = [result for result in run.items.order_by("key").values_list("result", flat=True) if "done" in result]
        months, oldest = list_months(), get_oldest_kept(now())
        return {
            "made": _months(results, _MADE),
            "moved_events": _events(results, _MADE),
            "dropped": _months(results, _DROPPED),
            "dropped_events": _events(results, _DROPPED),
            "kept_for_now": _months(results, _KEPT),
            "oldest_kept": str(oldest) if oldest else "all are kept",
            "there": f"{months[0]} to {months[-1]}" if months else "",
        }


def _make(month: Month) -> tuple[str, int | None]:
    return _MADE, make_month(month)


def _drop(month: Month) -> tuple[str, int | None]:
    oldest = get_oldest_kept(now())
    # A rerun comes later than its plan, and so may an import of old events.
    if not oldest or month >= oldest:
        return _KEPT, None
    events = drop_month(month, unless_recorded_since=now() - STAYS_AFTER_RECORDING)
    return (_KEPT if events is None and month in list_months() else _DROPPED), events


def _keep(month: Month) -> tuple[str, int | None]:
    return _KEPT, None


_DEEDS: dict[str, Callable[[Month], tuple[str, int | None]]] = {_MAKE: _make, _DROP: _drop, _KEEP: _keep}


def _months(results: list[dict[str, Any]], done: str) -> list[str]:
    return [result["month"] for result in results if result["done"] == done]


def _events(results: list[dict[str, Any]], done: str) -> int:
    return sum(result.get("events", 0) for result in results if result["done"] == done)
