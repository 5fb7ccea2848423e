"""Forms about schedules and monitors: when a job runs, and how long something rests."""

import calendar
import datetime as dt
import re
import zoneinfo
from collections.abc import Collection
from functools import cache
from itertools import islice, takewhile
from typing import Any

from celery.schedules import ParseException, crontab
from cronsim import CronSim, CronSimError
from django import forms
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from common.clock import SHORTEST_PAUSE, comes_too_often, now
from jobs.forms.params import REASON_LENGTH
from jobs.models.timetables import expression_of, iterate_slots, next_slot, zone_of
from jobs.registry import Job

_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_LONGEST_EXPRESSION = 200
_EVERY_MONTH_HAS, _COMMON_YEAR = 28, 2027
_UP_TO_SUNDAY = re.compile(r"(?:(?P<first>[0-7])-)?7(?:/(?P<step>[1-7]))?\Z")
# What a job is asked for may change with daylight saving and with months' lengths.
_LOOK_AHEAD = dt.timedelta(days=400)
_MOST_LOOKED_AT = 500
_WRONG = "Give five fields that come true: minute, hour, day of the month, month, day of the week, like 0 2 1 * *."


@cache
def _zones() -> list[tuple[str, str]]:
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


def read_crontab(expression: str, zone: str) -> CrontabSchedule:
    """Read five fields as cron does into an unsaved row; ValueError that says what is wrong."""
    parts = expression.split()
    if len(parts) == len(_FIELDS):
        parts[-1] = _sunday_as_zero(parts[-1])
    named = dict(zip(_FIELDS, parts, strict=False))
    try:
        CronSim(" ".join(parts), now())
        # Beat, which rings on time, reads fewer forms than cron does.
        read: Any = crontab(**named)
        found = CrontabSchedule(**named, timezone=zoneinfo.ZoneInfo(zone))
        comes = len(parts) == len(_FIELDS) and next_slot(PeriodicTask(crontab=found), now())
    except (CronSimError, ParseException, ValueError):
        comes = None
    if not comes:
        raise ValueError(_WRONG)
    if parts[-1] == "*" and (lacking := _find_lacking(read.day_of_month, read.month_of_year)):
        raise ValueError(
            f"{lacking} has no day {min(read.day_of_month)}, so nothing would happen then: choose a day up to "
            f"{_EVERY_MONTH_HAS}, or name the months."
        )
    return found


def _sunday_as_zero(weekday: str) -> str:
    """Write Sunday as 0: cron knows it as 7, too, and beat does not."""

    def write(part: str) -> str:
        found = _UP_TO_SUNDAY.match(part)
        days = range(int(found["first"] or 7), 8, int(found["step"] or 1)) if found else ()
        return ",".join(dict.fromkeys(str(day % 7) for day in days)) or part

    return ",".join(map(write, weekday.split(",")))


def _find_lacking(days: Collection[int], months: Collection[int]) -> str:
    """Name a month among several that has none of the days; a month named alone is meant."""
    if len(months) == 1:
        return ""
    lacking = (month for month in sorted(months) if min(days) > calendar.monthrange(_COMMON_YEAR, month)[1])
    return next((calendar.month_name[month] for month in lacking), "")


def check_slots(job: type[Job] | None, task: PeriodicTask, moment: dt.datetime) -> str:
    """Return what is wrong with a row's next due times: too often, or not to be started then; empty if nothing is."""
    ahead = takewhile(lambda slot: slot < moment + _LOOK_AHEAD, iterate_slots(task, moment))
    slots = list(islice(ahead, _MOST_LOOKED_AT))
    if comes_too_often(slots):
        return f"Too often: leave at least {SHORTEST_PAUSE.seconds // 60} minutes between two runs."
    zone = zone_of(task)
    return next(filter(None, (job.check_slot(slot.astimezone(zone)) for slot in slots)), "") if job else ""


class ScheduleForm(forms.Form):
    """When a job runs: by crontab in a time zone, or by interval; `timetable` holds it, unsaved, once it is valid."""

    CRONTAB, INTERVAL = "crontab", "interval"

    kind = forms.ChoiceField(
        label="Runs",
        choices=[(CRONTAB, "By crontab"), (INTERVAL, "By interval")],
        widget=UnfoldAdminRadioSelectWidget(),
    )
    expression = forms.CharField(
        label="Crontab",
        required=False,
        max_length=_LONGEST_EXPRESSION,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off", "spellcheck": "false"}),
        help_text="Minute, hour, day of the month, month, day of the week (0 or 7: Sunday): 0 2 1 * * is the first at "
        "02:00.",
    )
    zone = forms.ChoiceField(
        label="Time zone",
        required=False,
        choices=_zones,
        widget=UnfoldAdminSelectWidget(),
        help_text="Of the crontab. Where clocks are put forward, a time that is left out comes just after.",
    )
    every = forms.IntegerField(
        required=False, min_value=1, max_value=100_000, widget=UnfoldAdminIntegerFieldWidget(), label="Every"
    )
    period = forms.ChoiceField(
        label="Of",
        required=False,
        choices=[
            (name, text) for name, text in IntervalSchedule.PERIOD_CHOICES if name != IntervalSchedule.MICROSECONDS
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    note = forms.CharField(
        required=False,
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="For whoever looks at this next.",
    )

    reason = forms.CharField(
        required=False,
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="Kept in the audit trail.",
        error_messages={"required": "Say why: the reason is kept in the audit trail."},
    )

    timetable: PeriodicTask

    def __init__(self, task: PeriodicTask, job: type[Job] | None = None, data: Any = None) -> None:
        super().__init__(data, initial=_initial(task))
        self._job = job
        is_saved = data is not None and data.get("action") == "save"
        self.fields["reason"].required = bool(job and job.moves_money and is_saved)

    def clean(self) -> dict[str, Any]:
        """Read the chosen kind and check that it ever comes true."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("kind") == self.CRONTAB:
            self._read_crontab(cleaned.get("expression", ""), cleaned.get("zone") or "UTC")
        elif cleaned.get("kind") == self.INTERVAL and {"every", "period"} <= cleaned.keys():
            self._read_interval(cleaned["every"], cleaned.get("period") or IntervalSchedule.MINUTES)
        return cleaned

    def _read_crontab(self, expression: str, zone: str) -> None:
        try:
            self.timetable = PeriodicTask(crontab=read_crontab(expression, zone))
        except ValueError as error:
            self.add_error("expression", str(error))
            return
        self._check("expression")

    def _read_interval(self, every: int | None, period: str) -> None:
        if every is None:
            self.add_error("every", "Give a whole number.")
        else:
            self.timetable = PeriodicTask(interval=IntervalSchedule(every=every, period=period))
            self._check("every")

    def _check(self, field: str) -> None:
        if wrong := check_slots(self._job, self.timetable, now()):
            self.add_error(field, wrong)


def _initial(task: PeriodicTask) -> dict[str, Any]:
    crontab, interval = task.crontab, task.interval
    return {
        "kind": ScheduleForm.INTERVAL if interval else ScheduleForm.CRONTAB,
        "expression": expression_of(crontab) if crontab else "",
        "zone": str(crontab.timezone) if crontab else "UTC",
        "every": interval.every if interval else None,
        "period": interval.period if interval else IntervalSchedule.MINUTES,
        "note": task.description,
    }


class PauseForm(forms.Form):
    """Why something rests, and until when; without an end until somebody resumes it."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="For everybody to read.",
    )
    until = forms.CharField(
        label="Until (UTC)",
        required=False,
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
        help_text="Then it goes on by itself. Empty: until somebody resumes it.",
    )

    def clean_until(self) -> dt.datetime | None:
        """Read the end, in UTC; it must lie ahead."""
        text = self.cleaned_data["until"].strip()
        if not text:
            return None
        try:
            until = dt.datetime.fromisoformat(text)
            until = until.replace(tzinfo=dt.UTC) if until.tzinfo is None else until.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            raise forms.ValidationError("Give a day and a time, like 2026-11-30 18:00.") from None
        if until <= now():
            raise forms.ValidationError("Give a time that has not passed yet.")
        return until
