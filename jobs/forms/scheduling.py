"""Forms about schedules and monitors: when a job runs, and how long something rests."""

import datetime as dt
import zoneinfo
from functools import cache
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

from common.clock import now
from jobs.forms.params import REASON_LENGTH
from jobs.models.timetables import expression_of, next_slot

_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_LONGEST_EXPRESSION = 200
_WRONG = "Give five fields that come true: minute, hour, day of the month, month, day of the week, like 0 2 1 * *."


@cache
def _zones() -> list[tuple[str, str]]:
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


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
        help_text="Minute, hour, day of the month, month, day of the week: 0 2 1 * * is the first at 02:00.",
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

    timetable: PeriodicTask

    def __init__(self, task: PeriodicTask, data: Any = None) -> None:
        super().__init__(data, initial=_initial(task))

    def clean(self) -> dict[str, Any]:
        """Read the chosen kind and check that it ever comes true."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("kind") == self.CRONTAB:
            self._read_crontab(cleaned.get("expression", ""), cleaned.get("zone") or "UTC")
        elif cleaned.get("kind") == self.INTERVAL and "every" in cleaned:
            self._read_interval(cleaned["every"], cleaned.get("period") or IntervalSchedule.MINUTES)
        return cleaned

    def _read_crontab(self, expression: str, zone: str) -> None:
        parts = expression.split()
        named = dict(zip(_FIELDS, parts, strict=False))
        try:
            CronSim(expression, now())
            # Beat, which rings on time, reads fewer forms than cron does.
            crontab(**named)
            found = CrontabSchedule(**named, timezone=zoneinfo.ZoneInfo(zone))
            comes = len(parts) == len(_FIELDS) and next_slot(PeriodicTask(crontab=found), now())
        except (CronSimError, ParseException, ValueError):
            comes = None
        if comes:
            self.timetable = PeriodicTask(crontab=found)
        else:
            self.add_error("expression", _WRONG)

    def _read_interval(self, every: int | None, period: str) -> None:
        if every is None:
            self.add_error("every", "Give a whole number.")
        else:
            self.timetable = PeriodicTask(interval=IntervalSchedule(every=every, period=period))


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
