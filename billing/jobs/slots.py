"""What a due time asks monthly billing for: a month, and who is due by a day; and what former days left over."""

import datetime as dt
from typing import Any

from billing.selectors.due import list_left_over
from common.clock import Month
from jobs.models import JobRun
from jobs.registry import Job
from jobs.services import start


class BilledBySlot(Job):
    """A job whose due times each ask for a month and a day of its own."""

    @classmethod
    def scheduled(cls, slot_at: dt.datetime) -> dict[str, Any]:
        """Ask for those due on the slot's day, for the month before it, as the clock there says.

        Days of the month begin in UTC: the day is asked for that has come both there and in UTC.
        """
        month = Month.of(slot_at).plus(-1)
        day = min(slot_at.date(), slot_at.astimezone(dt.UTC).date())
        return {"month": month, "due_by": max(day, month.plus(1).first_day)}

    @classmethod
    def describe_slot(cls, slot_at: dt.datetime) -> str:
        """Name the month and the day."""
        asked = cls.scheduled(slot_at)
        return f"{asked['month'].label}, due by {asked['due_by']}"

    @classmethod
    def check_slot(cls, slot_at: dt.datetime) -> str:
        """Refuse times at which the month to bill still goes on in UTC."""
        month = cls.scheduled(slot_at)["month"]
        if slot_at >= month.ends_at:
            return ""
        ends = month.ends_at.astimezone(slot_at.tzinfo)
        return (
            f"On {slot_at:%Y-%m-%d at %H:%M %Z} {month.label} still goes on: months end in UTC, there at {ends:%H:%M}. "
            "Choose a time from then on, or UTC."
        )


def take_left_over(job: Job, run: JobRun) -> None:
    """After a day's run bill what a pause, an outage or a failure left over of former months, one after the other."""
    day = job.params.due_by
    if day is None or job.params.organizations or run.dry_run or run.error or run.cancel_requested_at:
        return
    is_days_run = job.params.month == Month.of(day).plus(-1)
    left = (month for month in list_left_over(day) if is_days_run or month > job.params.month)
    if month := next(left, None):
        params = job.params.model_copy(update={"month": month})
        reason = f"Left over: due for {month.label} and taken up by no run; found by {run}."
        start(type(job), params, JobRun.Trigger.JOB, slot=f"left over {month} by {day}", reason=reason)
