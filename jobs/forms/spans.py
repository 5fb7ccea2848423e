"""How long something may take, typed and shown as people say it: `10 minutes`, `1 day 6 hours`."""

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from jobs.models import JobMonitor

if TYPE_CHECKING:
    _MonitorModelForm = forms.ModelForm[JobMonitor]
else:
    _MonitorModelForm = forms.ModelForm

_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_SHORT = {"d": "day", "h": "hour", "m": "minute", "min": "minute", "s": "second", "sec": "second"}
_PART = re.compile(r"(\d{1,9})\s*([a-z]*)")
_LONGEST = 400 * 86_400
_REFUSED = "Write how long, like 10 minutes, 6 hours or 1 day; at most 400 days."


def describe_span(seconds: int) -> str:
    """Write a number of seconds in the largest units that fit: `1 day 6 hours`."""
    parts = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        parts += [f"{count} {unit}{'' if count == 1 else 's'}"] if count else []
    return " ".join(parts) or "0 seconds"


def read_span(text: str) -> int:
    """Read how many seconds a text means, a bare number being seconds; ValueError where it says no such thing."""
    plain = text.strip().lower().replace(",", " ").replace(" and ", " ")
    found = _PART.findall(plain)
    if not found or _PART.sub("", plain).strip():
        raise ValueError(_REFUSED)
    seconds = 0
    for count, word in found:
        unit = _SHORT.get(word, word.removesuffix("s")) or "second"
        if unit not in _UNITS:
            raise ValueError(_REFUSED)
        seconds += int(count) * _UNITS[unit]
    if seconds > _LONGEST:
        raise ValueError(_REFUSED)
    return seconds


class SpanField(forms.IntegerField):
    """Seconds, typed and shown in words."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        """Show stored seconds in words, and what was typed as it was."""
        return describe_span(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        """Read what was typed."""
        if value in self.empty_values:
            return None
        try:
            return read_span(str(value))
        except ValueError as error:
            raise ValidationError(str(error)) from None


class MonitorForm(_MonitorModelForm):
    """What staff expect of a job."""

    grace_seconds = SpanField(label="Grace", min_value=60)
    longest_run_seconds = SpanField(label="Longest run", min_value=60)

    class Meta:
        model = JobMonitor
        fields = (
            "grace_seconds", "longest_run_seconds", "failures_before_alert", "successes_before_recovery",
            "expected_floor",
        )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for column in JobMonitor._meta.fields:
            field = self.fields.get(column.name)
            if isinstance(field, SpanField):
                field.help_text = f"{column.help_text} Like 10 minutes, 6 hours or 1 day."
