"""Roll-ups, kept true to what they sum up."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from analytics.registry import find_revenue_source, find_source, list_revenue_sources, list_sources
from analytics.services.rollups import refresh_days, refresh_revenue
from common.errors import Permanent
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Job, JobParams, job

_REVENUE, _DAYS = "revenue", "days"


@job(
    "analytics-rollups",
    title="Analytics roll-ups",
    schedule="25,55 * * * *",
    overlap="forbid",
    queue="analytics",
    batch_size=1,
)
class AnalyticsRollups(Job):
    """Adds up anew what changed since the last time, so that the dashboards are true as of now."""

    class Params(JobParams):
        """`compare` compares all earnings with the truth, not only what is known to have changed."""

        compare: bool = Field(False, description="Compare everything with the truth instead of what changed.")

    summary_order = ("months", "days")

    def keys(self) -> Iterator[str]:
        """Expect the earnings and the days of each source."""
        yield from (f"{_REVENUE} {source.provider}" for source in list_revenue_sources())
        yield from (f"{_DAYS} {source.provider}" for source in list_sources())

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Refresh some of them."""
        for key in keys:
            kind, _, provider = key.partition(" ")
            if kind == _REVENUE:
                context.note(key, months=self._refresh_revenue(provider))
            else:
                context.note(key, days=refresh_days(provider, context.check))

    def _refresh_revenue(self, provider: str) -> int:
        source = find_revenue_source(provider)
        if source is None:
            raise Permanent(f"Nobody declares the earnings of {provider} any more.")
        return refresh_revenue(source, compare=self.params.compare)

    @classmethod
    def names(cls, keys: Sequence[str]) -> dict[str, str]:
        """Say what is added up."""
        return {key: _name(*key.split(" ", 1)) for key in keys}

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Say how much was added up anew."""
        results = list(run.items.values_list("result", flat=True))
        return {name: sum(result.get(name, 0) for result in results) for name in self.summary_order}


def _name(kind: str, provider: str) -> str:
    source = find_source(provider)
    title = source.title if source else provider
    return f"{title}: {'earnings by month' if kind == _REVENUE else 'days of snapshots'}"
