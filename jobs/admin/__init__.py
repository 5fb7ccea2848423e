"""The staff's view of the spine: runs, their items, starting a job, schedules."""

from jobs.admin.runs import JobRunAdmin

__all__ = ["JobRunAdmin"]
