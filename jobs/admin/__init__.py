"""The staff's view of the spine: runs, their items, starting a job, schedules."""

from jobs.admin.items import JobItemAdmin
from jobs.admin.monitors import JobMonitorAdmin
from jobs.admin.runs import JobRunAdmin
from jobs.admin.schedules import PeriodicTaskAdmin

__all__ = [
    "JobItemAdmin",
    "JobMonitorAdmin",
    "JobRunAdmin",
    "PeriodicTaskAdmin",
]
