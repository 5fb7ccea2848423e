"""Issued invoices told to the event log."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import F

from billing.models import NumberSeries
from billing.services.recording import record_issued
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Column, Job, job


@job(
    "record-issued-invoices",
    title="Record issued invoices",
    schedule="11 * * * *",
    overlap="forbid",
    queue="analytics",
    batch_size=1,
)
class RecordIssuedInvoices(Job):
    """Tells the event log of invoices issued since it was told last, beside the billing that has no time for it."""

    columns = (Column("Numbers", lambda result: f"{result.get('numbers', 0):,}", numeric=True),)

    def keys(self) -> Iterable[str]:
        """Expect each number series that has numbers the event log was not told of."""
        series = NumberSeries.objects.filter(last_number__gt=F("recorded_number"))
        return [str(id_) for id_ in series.order_by("pk").values_list("pk", flat=True)]

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Go through a series until all is told."""
        for key in keys:
            numbers = 0
            while found := record_issued(int(key)):
                context.check()
                numbers += found
            context.note(key, numbers=numbers)

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Tell how many numbers there were."""
        return {"numbers": sum(result.get("numbers", 0) for result in run.items.values_list("result", flat=True))}

    @classmethod
    def names(cls, keys: Sequence[str]) -> dict[str, str]:
        """Call each series by its prefix and year."""
        known = NumberSeries.objects.in_bulk([int(key) for key in keys])
        return {str(id_): str(series) for id_, series in known.items()}
