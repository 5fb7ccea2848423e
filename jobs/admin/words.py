"""Runs, parameters and figures in words."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django_celery_beat.models import PeriodicTask
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from common.clock import Month
from common.money import format_money
from jobs.models import JobItem, JobMonitor, JobRun, JobSchedule
from jobs.registry import Job

RUN_TONES: dict[str, str] = {
    JobRun.Status.QUEUED: "",
    JobRun.Status.RUNNING: "info",
    JobRun.Status.SUCCEEDED: "success",
    JobRun.Status.PARTIAL: "warning",
    JobRun.Status.FAILED: "danger",
    JobRun.Status.CANCELLED: "warning",
    JobRun.Status.NOTHING_TO_DO: "",
}
ITEM_TONES: dict[str, str] = {
    JobItem.Status.PENDING: "",
    JobItem.Status.RUNNING: "info",
    JobItem.Status.DONE: "success",
    JobItem.Status.SKIPPED: "",
    JobItem.Status.FAILED: "danger",
    JobItem.Status.CANCELLED: "warning",
}
MONITOR_TONES: dict[str, str] = {
    JobMonitor.State.NEW: "",
    JobMonitor.State.HEALTHY: "success",
    JobMonitor.State.LATE: "info",
    JobMonitor.State.MISSED: "danger",
    JobMonitor.State.HANGING: "danger",
    JobMonitor.State.FAILING: "danger",
    JobMonitor.State.PAUSED: "warning",
}
STEP_TONES = {"done": "success", "failed": "danger", "waiting": "warning"}
_SHOWN_VALUES = 3
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_SPELLED = {"pdf": "PDF", "email": "E-mail", "seconds": "Took"}


def label(name: str) -> str:
    """Turn a name of the code into words: `dry_run` into “Dry run”."""
    words = name.removesuffix("_cents").replace("_", " ").strip()
    return _SPELLED.get(words, words[:1].upper() + words[1:])


def describe_duration(span: dt.timedelta | None) -> str:
    """Write how long something took: 0.4 s, 12 s, 3 min 05 s, 2 h 07 min."""
    if span is None:
        return "-"
    seconds = max(span.total_seconds(), 0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left:02} min" if hours else f"{minutes} min {rest:02} s"


def describe_params(run: JobRun) -> list[str]:
    """Say what was asked of a run, without what holds anyway and without the dry run, which is shown by itself."""
    job = run.declaration
    try:
        params = job.Params.model_validate(run.params) if job else None
    except ValueError:
        params = None
    if job is None or params is None:
        return [f"{label(name)}: {value}" for name, value in run.params.items()]
    return [
        _describe_value(name, getattr(params, name))
        for name, field in job.Params.model_fields.items()
        if name != "dry_run" and not _goes_without_saying(params, name, field)
    ]


def _goes_without_saying(params: BaseModel, name: str, field: FieldInfo) -> bool:
    return field.default_factory is None and getattr(params, name) == field.default


def _describe_value(name: str, value: Any) -> str:
    if isinstance(value, Month):
        return value.label
    if isinstance(value, bool):
        return f"{label(name)}: {'yes' if value else 'no'}"
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, tuple | list):
        shown = ", ".join(str(part) for part in value[:_SHOWN_VALUES])
        more = f" and {len(value) - _SHOWN_VALUES} more" if len(value) > _SHOWN_VALUES else ""
        return f"{label(name)}: {shown}{more}"
    return f"{label(name)}: {value}"


def describe_job(job: type[Job]) -> str:
    """Return the first line of what a job says about itself."""
    return (job.__doc__ or "").strip().split("\n")[0].replace("`", "")


def describe_pause(paused: JobSchedule | JobMonitor) -> str:
    """Say until when something rests, and why."""
    until = f"until {paused.paused_until:%Y-%m-%d %H:%M} UTC" if paused.paused_until else ""
    return ": ".join(filter(None, [until, paused.paused_reason]))


def describe_schedule(row: PeriodicTask) -> str:
    """Say in words when a schedule rings."""
    if not row.enabled:
        return "Paused"
    return str(row.crontab.human_readable if row.crontab else row.interval)


def describe_figures(
    figures: dict[str, Any], order: Sequence[str] = (), titles: Mapping[str, str] | None = None
) -> list[tuple[str, list[str]]]:
    """Turn figures that a job wrote into names and values; amounts are written with their currency."""
    currency = figures.get("currency")
    names = [name for name in order if name in figures]
    names += sorted(name for name in figures if name not in order and name != "currency")
    return [
        (
            (titles or {}).get(name) or label(name),
            _values(name, figures[name], currency if isinstance(currency, str) else None),
        )
        for name in names
    ]


def describe_summary(run: JobRun) -> list[tuple[str, list[str]]]:
    """Turn what a run's job wrote at its end into names and values."""
    job = run.declaration
    return (
        describe_figures(run.summary, job.summary_order, job.summary_titles) if job else describe_figures(run.summary)
    )


def _values(name: str, value: Any, currency: str | None) -> list[str]:
    if isinstance(value, dict):
        if name.endswith("_cents"):
            return [format_money(cents, code) for code, cents in sorted(value.items())] or ["-"]
        return [f"{label(key)}: {', '.join(_values(key, part, currency))}" for key, part in value.items() if part] or [
            "None"
        ]
    if isinstance(value, list):
        return [", ".join(_values(name, part, currency)) for part in value] or ["-"]
    return [_value(name, value, currency)]


def _value(name: str, value: Any, currency: str | None) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if name == "month" and isinstance(value, str) and _MONTH.fullmatch(value):
        return Month.parse(value).label
    if isinstance(value, int):
        return format_money(value, currency) if name.endswith("_cents") and currency else f"{value:,}"
    if isinstance(value, float) and name.endswith("seconds"):
        return describe_duration(dt.timedelta(seconds=value))
    return "-" if value in {None, ""} else str(value)
