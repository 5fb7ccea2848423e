"""Whom a run of monthly billing covers: written down in its parameters, so that a rerun knows."""

import datetime as dt
from typing import Self

from django.conf import settings
from pydantic import Field, model_validator

from common.clock import Month, now, previous_month
from jobs.registry import JobParams

# What says whom to bill; without any of it, those are billed who are due today.
_WHOM = {"month", "due_by"}
# A worker's clock may be a little behind the scheduler's.
_CLOCKS_DIFFER_BY = dt.timedelta(minutes=1)


class MonthlyParams(JobParams):
    """What can be asked of a month's billing."""

    month: Month = Field(default_factory=previous_month, description="The month to bill; it must have ended.")
    due_by: dt.date | None = Field(
        None,
        title="Due by",
        description="Only those whose invoice day has come by this day and whom billing had not taken up before it. "
        "Empty: everybody where a month is given, those due by today where neither month nor organizations are.",
    )
    dry_run: bool = Field(False, description="Compute everything, keep nothing, call nobody but for earnings.")
    organizations: tuple[str, ...] = Field(
        (), description="Only these organizations, suspended and closed ones too; all that are active where empty."
    )
    regenerate: bool = Field(False, description="Void or credit what is issued, and bill these anew.")
    stripe: bool = Field(True, description="Create the invoices in Stripe.")
    email: bool = Field(True, description="Send the invoices by e-mail.")
    deliver: bool = Field(True, description="Make and store the PDF, call Stripe, send the e-mail.")

    @model_validator(mode="after")
    def _take_who_is_due(self) -> Self:
        if not self.organizations and self.model_fields_set.isdisjoint(_WHOM):
            # As a default would be: written down with the run, but nothing that somebody asked for.
            object.__setattr__(self, "due_by", now().date())
        return self

    def check_day(self) -> str:
        """Say what is wrong with the day; nothing where it will do."""
        if self.due_by is None:
            return ""
        if self.due_by <= self.month.last_day:
            return f"Nobody is due for {self.month} before {self.month.plus(1).first_day}."
        return "" if self.due_by <= (now() + _CLOCKS_DIFFER_BY).date() else f"{self.due_by} has not come yet."

    def covers_month(self) -> bool:
        """Return whether this is the month's main run: everybody, or those due on the main schedule's day."""
        return self == self._as_scheduled() and (
            self.due_by is None or (self.due_by.day == _main_day() and self.month == Month.of(self.due_by).plus(-1))
        )

    def _as_scheduled(self) -> Self:
        return type(self)(month=self.month, due_by=self.due_by)


def _main_day() -> int:
    """Return the day on which the main run is scheduled; 1 where the setting names no single day."""
    fields = settings.RUN_SCHEDULE.split()
    return int(fields[3]) if fields and fields[3].isdecimal() else 1
