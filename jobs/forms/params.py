"""Forms made from a job's parameters: one field a parameter, judged by the job's own definition."""

import datetime as dt
import re
import types
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, Literal, Union, get_args, get_origin

from django import forms
from pydantic.fields import FieldInfo
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.forms import OrganizationsWidget, ReasonForm
from common.clock import Month
from jobs.registry import Job, JobParams
from jobs.services import InvalidParams, read_params

DRY_RUN = "dry_run"
REASON_LENGTH = 500
_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?\Z")


def has_preview(job: type[Job]) -> bool:
    """Return whether a job can say beforehand what it would do."""
    return DRY_RUN in job.Params.model_fields


@dataclass(frozen=True)
class _Kind:
    """How a parameter of some type is shown and read back."""

    make: Callable[..., forms.Field]
    show: Callable[[Any], Any] = str
    read: Callable[[Any], Any] = lambda value: value


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,;]+", text) if part]


def _text(**attrs: Any) -> Callable[..., forms.Field]:
    return lambda **options: forms.CharField(widget=UnfoldAdminTextInputWidget(attrs), **options)


def _number(**options: Any) -> forms.Field:
    return forms.CharField(widget=UnfoldAdminIntegerFieldWidget(), **options)


def _area(**options: Any) -> forms.Field:
    return forms.CharField(widget=UnfoldAdminTextareaWidget({"rows": 3}), **options)


def _switch(**options: Any) -> forms.Field:
    return forms.BooleanField(widget=UnfoldBooleanSwitchWidget(), **options)


def _choice(values: tuple[Any, ...]) -> Callable[..., forms.Field]:
    choices = [(str(value), str(value).replace("_", " ").capitalize()) for value in values]
    return lambda **options: forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget(), **options)


_MONTH = _Kind(_text(type="month", placeholder="2026-10"))
_DATE = _Kind(_text(type="date"))
_INSTANT = _Kind(
    _text(type="datetime-local"),
    show=lambda value: f"{value.astimezone(dt.UTC):%Y-%m-%dT%H:%M}",
    read=lambda text: f"{text}Z" if _WITHOUT_ZONE.match(text) else text,
)
_ORGANIZATIONS = _Kind(
    lambda **options: forms.CharField(widget=OrganizationsWidget(), **options), show=" ".join, read=_split
)
_MANY = _Kind(_area, show=lambda value: "\n".join(str(part) for part in value), read=_split)


def _kind(annotation: Any) -> _Kind:
    """Find how a type is asked for; what is unknown is asked for as text."""
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType}:
        return _kind(next(part for part in get_args(annotation) if part is not type(None)))
    if origin is Literal:
        return _Kind(_choice(get_args(annotation)))
    if origin in {tuple, list, set, frozenset}:
        return _MANY
    if not isinstance(annotation, type):
        return _Kind(_text())
    if issubclass(annotation, Enum):
        return _Kind(_choice(tuple(part.value for part in annotation)), show=lambda value: value.value)
    simple = {
        bool: _Kind(_switch, show=bool),
        int: _Kind(_number),
        Month: _MONTH,
        dt.datetime: _INSTANT,
        dt.date: _DATE,
    }
    if annotation.__name__ == "AwareDatetime":
        return _INSTANT
    return simple.get(annotation, _Kind(_text()))


class MarkedReasonForm(ReasonForm):
    """Why something is done, and a mark by which a second click is known as one."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        required=False,
        help_text="Kept with the run.",
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        error_messages={"required": "Say why: the reason is kept with the run."},
    )
    mark = forms.RegexField(
        r"\A[0-9a-f]{32}\Z", widget=forms.HiddenInput, error_messages={"invalid": "Open this page anew."}
    )

    def __init__(self, data: Any = None, *, needs_reason: bool = False, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["reason"].required = needs_reason
        self.initial.setdefault("mark", uuid.uuid4().hex)

    def slot(self, *parts: str) -> str:
        """Return the slot of this start: the same for a second click, another one after anything was changed."""
        return f"admin {self.cleaned_data['mark']} {sha256(' '.join(parts).encode()).hexdigest()[:16]}"


class StartForm(MarkedReasonForm):
    """A job's parameters; `params` holds them once the form is valid."""

    params: JobParams

    def __init__(
        self,
        job: type[Job],
        data: Any = None,
        *,
        values: dict[str, Any] | None = None,
        dry_run: bool = False,
        **options: Any,
    ) -> None:
        self.job, self.dry_run = job, dry_run
        asked = {name: field for name, field in job.Params.model_fields.items() if name != DRY_RUN}
        if clash := set(asked) & set(self.base_fields):
            raise ValueError(f"{job.name} has parameters that the form needs for itself: {', '.join(clash)}")
        self.kinds = {
            name: _ORGANIZATIONS if name == "organizations" else _kind(field.annotation)
            for name, field in asked.items()
        }
        super().__init__(data, **options)
        for name, field in asked.items():
            self.fields[name] = self._field(name, field)
            self.initial[name] = self._initial(name, field, values or {})
        self.order_fields([*asked, "reason", "mark"])

    def _field(self, name: str, field: FieldInfo) -> forms.Field:
        label = field.title or name.replace("_", " ").capitalize()
        return self.kinds[name].make(label=label, help_text=field.description or "", required=False)

    def _initial(self, name: str, field: FieldInfo, values: dict[str, Any]) -> Any:
        if name in values:
            value = values[name]
        elif field.is_required():
            return None
        else:
            value = field.get_default(call_default_factory=True)
        return None if value is None else self.kinds[name].show(value)

    def clean(self) -> dict[str, Any]:
        """Let the job judge; its complaints stand at their fields."""
        super().clean()
        try:
            self.params = read_params(self.job, self._values())
            errors = self.job(self.params).check()
        except InvalidParams as error:
            errors = error.errors
        for name, text in errors.items():
            self.add_error(name if name in self.fields else None, text)
        return self.cleaned_data

    def _values(self) -> dict[str, Any]:
        """Gather what was filled in; what was left empty keeps what holds without it."""
        values = {DRY_RUN: True} if self.dry_run and has_preview(self.job) else {}
        for name, kind in self.kinds.items():
            given = self.cleaned_data.get(name)
            if isinstance(given, bool):
                values[name] = given
            elif given:
                values[name] = kind.read(given)
        return values

    def slot(self, *parts: str) -> str:
        """Return the slot of this start with these parameters."""
        return super().slot(self.params.model_dump_json(), *parts)
