"""The ledger of work, the schedules by which it begins, and the monitors that watch it."""

from jobs.models.monitors import JobMonitor, MonitorChange
from jobs.models.runs import AnsweredSlot, JobItem, JobRun, Tick
from jobs.models.schedules import JobSchedule

__all__ = ["AnsweredSlot", "JobItem", "JobMonitor", "JobRun", "JobSchedule", "MonitorChange", "Tick"]
