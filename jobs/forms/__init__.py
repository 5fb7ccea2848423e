"""Forms of the jobs' pages."""

from jobs.forms.params import DRY_RUN, REASON_LENGTH, MarkedReasonForm, StartForm, has_preview
from jobs.forms.scheduling import PauseForm, ScheduleForm
from jobs.forms.spans import MonitorForm, describe_span

__all__ = [
    "DRY_RUN",
    "REASON_LENGTH",
    "MarkedReasonForm",
    "MonitorForm",
    "PauseForm",
    "ScheduleForm",
    "StartForm",
    "describe_span",
    "has_preview",
]
