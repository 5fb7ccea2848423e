"""Hourly usage: events into hours."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import AwareDatetime, Field

from billing.services.usage import aggregate_hour, list_hours_to_aggregate
from common.clock import iso, now
from jobs.engine.context import Context
from jobs.registry import Job, JobParams, job

_FIRST_YEAR = 2000


def _last_hour() -> dt.datetime:
    return now().replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=1)


@job("hourly-usage", title="Hourly usage", schedule="0 * * * *", queue="billing", batch_size=1, http=True)
class HourlyUsage(Job):
    """Recomputes an hour, the last one unless told, and every other that events came late for."""

    class Params(JobParams):
        """`hour` is recomputed whether or not anything came for it; any instant within it will do."""

        hour: AwareDatetime = Field(default_factory=_last_hour, description="The hour to aggregate, in UTC.")

    @classmethod
    def scheduled(cls, slot_at: dt.datetime) -> dict[str, Any]:
        """Ask for the hour before the slot."""
        # By the clock of the world: one of its hours is left out or repeated where the schedule is.
        return {"hour": slot_at.astimezone(dt.UTC) - dt.timedelta(hours=1)}

    def check(self) -> dict[str, str]:
        """Refuse hours that nobody can have used anything in."""
        hour = self.params.hour
        if hour.year < _FIRST_YEAR or hour > now():
            return {"hour": "Give an hour that has begun, like 2026-10-31T23:00Z."}
        return {}

    def keys(self) -> Iterable[str]:
        """Expect the hour and those that late events changed."""
        return [iso(hour) for hour in list_hours_to_aggregate(self.params.hour)]

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Recompute whole hours."""
        for key in keys:
            count = aggregate_hour(dt.datetime.fromisoformat(key))
            context.note(key, rows=count)
