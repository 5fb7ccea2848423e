"""Stripe's events: chosen ones processed again, and gaps filled from Stripe's own list."""

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from pydantic import Field

from billing.models import StripeEvent
from billing.services.events import process_events, requeue_events
from billing.services.events.repairing import Repair, repair_day
from common.clock import now
from common.errors import Misconfigured, Permanent, Retryable, WorkError
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Column, Job, JobParams, job

_FIGURES = ("found", "missing", "repaired")


def _show(name: str, result: dict[str, Any]) -> str:
    return f"{result[name]:,}" if name in result else "-"


@job(
    "process-stripe-events",
    title="Process Stripe events",
    queue="webhooks",
    permission="billing.process_stripeevent",
    batch_size=1,
)
class ProcessStripeEvents(Job):
    """Processes chosen events again, whatever became of them before; no change is made twice by that."""

    class Params(JobParams):
        """Which events."""

        events: tuple[int, ...] = Field(description="The numbers of the events.")

    def check(self) -> dict[str, str]:
        """Refuse numbers that are no events'."""
        known = StripeEvent.objects.filter(pk__in=self.params.events).values_list("pk", flat=True)
        unknown = sorted(set(self.params.events) - set(known))
        return {"events": f"There is no event {', '.join(map(str, unknown))}."} if unknown else {}

    def keys(self) -> Iterable[str]:
        """Expect the chosen events."""
        return [str(id_) for id_ in dict.fromkeys(self.params.events)]

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Process events, and say what became of each."""
        ids = [int(key) for key in keys]
        requeue_events(ids)
        process_events(ids)
        for event in StripeEvent.objects.filter(pk__in=ids).defer("body"):
            key = str(event.pk)
            context.note(key, event=event.event_id, type=event.type, status=event.get_status_display())
            if event.status == StripeEvent.Status.DEAD:
                context.fail(key, Permanent(event.error))
            elif event.status in StripeEvent.UNENDED:
                context.fail(key, Retryable(event.error or "Another worker is at it."))

    @classmethod
    def link(cls, key: str, result: dict[str, Any]) -> tuple[str, str] | None:
        """Lead to the event."""
        return str(result.get("event", f"Event {key}")), f"billing_stripeevent:{key}"


@job(
    "repair-stripe-events",
    title="Repair Stripe events",
    schedule="23 * * * *",
    overlap="forbid",
    queue="webhooks",
    batch_size=1,
)
class RepairStripeEvents(Job):
    """Lists Stripe's events of the last days and processes those that never came."""

    columns = tuple(Column(name.capitalize(), partial(_show, name), numeric=True) for name in _FIGURES)
    summary_order = ("days", *_FIGURES)

    class Params(JobParams):
        """How far back; Stripe keeps its events for thirty days."""

        days: int = Field(3, ge=1, le=30, description="So many days back, besides today.")

    def keys(self) -> Iterable[str]:
        """Expect each day in UTC; none where there is no Stripe."""
        if not settings.STRIPE_API_KEY:
            return []
        today = now().date()
        return [(today - dt.timedelta(days=back)).isoformat() for back in range(self.params.days + 1)]

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Fill each day's gaps."""
        for key in keys:
            repair = Repair()
            try:
                repair_day(dt.date.fromisoformat(key), repair)
            except Misconfigured:
                raise
            except WorkError as error:
                context.fail(key, error)
            # Earlier attempts, which Stripe broke off, have done their part.
            before = context.items[key].result
            missing, repaired = before.get("missing", 0) + repair.missing, before.get("repaired", 0) + repair.repaired
            context.note(key, found=repair.found, missing=missing, repaired=repaired)

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Sum the days up."""
        results = list(run.items.values_list("result", flat=True))
        sums = {name: sum(int(result.get(name, 0)) for result in results) for name in _FIGURES}
        return {"days": len(results), **sums}
