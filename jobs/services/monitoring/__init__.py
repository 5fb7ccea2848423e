"""Monitors: how each declared job stands, looked at when something is due or has happened, and only then."""

from jobs.services.monitoring.judging import Facts, Verdict, judge
from jobs.services.monitoring.refreshing import (
    pause_monitor,
    refresh_monitor,
    refresh_monitors,
    resume_monitor,
    sync_monitors,
)
from jobs.services.monitoring.touching import touch_monitor

__all__ = [
    "Facts",
    "Verdict",
    "judge",
    "pause_monitor",
    "refresh_monitor",
    "refresh_monitors",
    "resume_monitor",
    "sync_monitors",
    "touch_monitor",
]
