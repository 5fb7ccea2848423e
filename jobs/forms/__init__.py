"""Forms of the jobs' pages."""

from jobs.forms.params import DRY_RUN, REASON_LENGTH, ReasonForm, StartForm, has_preview
from jobs.forms.scheduling import CrontabForm, PauseForm, ScheduleForm

__all__ = [
    "DRY_RUN",
    "REASON_LENGTH",
    "CrontabForm",
    "PauseForm",
    "ReasonForm",
    "ScheduleForm",
    "StartForm",
    "has_preview",
]
