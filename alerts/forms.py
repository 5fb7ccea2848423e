"""Forms: a channel whose secrets go in and never out, a rule, and what is said when an incident is settled."""

import datetime as dt
import zoneinfo
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.models import Channel, Rule
from alerts.providers.webhook import new_secret
from alerts.registry import list_conditions, list_events
from alerts.services.channels import FIELDS, InvalidChannel, read_config
from common.encryption import read_unless_lost

if TYPE_CHECKING:
    _ChannelModelForm = forms.ModelForm[Channel]
    _RuleModelForm = forms.ModelForm[Rule]
else:
    _ChannelModelForm = _RuleModelForm = forms.ModelForm

TARGETS = ("address", "url", "topic", "secret")
_LONGEST = 2000
_KEPT = "Stored encrypted and never shown again. Redirects are not followed."


class ChannelForm(_ChannelModelForm):
    """A channel; its address and secret can be replaced, never read."""

    address = forms.CharField(
        label="E-mail address",
        required=False,
        max_length=254,
        widget=UnfoldAdminTextInputWidget({"type": "email"}),
        help_text="Of one person or list; make a channel for each.",
    )
    url = forms.CharField(
        label="Address",
        required=False,
        max_length=_LONGEST,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off", "spellcheck": "false"}),
    )
    topic = forms.CharField(
        label="Topic",
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget({"placeholder": "arn:aws:sns:eu-west-1:123456789012:alerts"}),
        help_text="The ARN of an SNS topic that the installation's AWS keys may publish to.",
    )
    secret = forms.CharField(
        label="Signing secret",
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off", "spellcheck": "false"}),
        help_text="By the Standard Webhooks scheme. Copy it to the receiver now: it is stored encrypted and never "
        "shown again. A secret that replaces another signs beside it for a day.",
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "is_enabled")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "url" in self.fields:
            self.fields["url"].help_text = _describe_addresses()
        if not self.instance.pk:
            self.fields["secret"].initial = new_secret()
        elif "kind" in self.fields:
            self.fields["kind"].disabled = True
            for name in ("address", "topic"):
                self.fields[name].initial = self._stored().get(name, "")
            for name in ("url", "secret"):
                self.fields[name].widget.attrs["placeholder"] = "Empty: what is stored stays"

    def clean(self) -> dict[str, Any]:
        """Check where it leads, and keep what follows from it for saving."""
        super().clean()
        kind = str(self.cleaned_data.get("kind"))
        if kind not in FIELDS or any(name in self.errors for name in TARGETS):
            return self.cleaned_data
        former = self._stored() if self.instance.pk else {}
        try:
            self.instance.config, self.instance.shown_as = read_config(kind, self.cleaned_data, former)
        except InvalidChannel as error:
            self.add_error(error.field, str(error))
        return self.cleaned_data

    def _stored(self) -> dict[str, Any]:
        """Return what is stored; nothing where its key is lost, so that it can be given anew."""
        return read_unless_lost(self.instance, "config") or {}


def _describe_addresses() -> str:
    """Say which addresses this installation takes."""
    where = "Nothing is sent into this machine or a private network."
    if settings.ALERTS_ALLOW_PRIVATE_ADDRESSES:
        where = "This installation also takes http://, this machine and private networks."
    return f"A webhook begins with https://; Apprise's addresses look like discord://…. {where} {_KEPT}"


class _Lines(forms.CharField):
    """A list, one entry a line."""

    widget = UnfoldAdminTextareaWidget({"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Read the lines that say something."""
        found = [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]
        if any(len(line) > 200 for line in found):
            raise ValidationError("A line has at most 200 characters.")
        return found


class RuleForm(_RuleModelForm):
    """A rule, with the declared conditions and events to choose from."""

    kinds = forms.MultipleChoiceField(
        label="Conditions and events",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="None chosen: every condition, and no events.",
    )
    channels = forms.ModelMultipleChoiceField(
        Channel.objects.defer("config"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Whom this rule tells.",
    )
    outcomes = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Of events only; none chosen: any.",
    )
    scopes = _Lines(
        label="About",
        required=False,
        help_text="One a line, like monthly-billing or billing-*; of the end of a run it is the job. Empty for all.",
    )
    time_zone = forms.ChoiceField(widget=UnfoldAdminSelectWidget(), initial="UTC")

    class Meta:
        model = Rule
        fields = (
            "name", "is_enabled", "kinds", "scopes", "outcomes", "min_severity", "min_count", "min_minutes", "channels",
            "quiet_from", "quiet_until", "time_zone", "reminder_hours", "tells_recovery",
        )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        chosen = [(name, f"{name} (no longer declared)") for name in self.instance.kinds or []]
        _offer(self, "kinds", _list_kinds(), chosen)
        outcomes = {name: title for event in list_events() for name, title in event.outcomes}
        _offer(self, "outcomes", list(outcomes.items()), [(name, name) for name in self.instance.outcomes or []])
        zones = ["UTC", *sorted(zoneinfo.available_timezones() - {"UTC", "localtime", "Factory"})]
        _offer(self, "time_zone", [(name, name) for name in zones], [])


def _offer(form: forms.BaseForm, name: str, choices: list[tuple[str, str]], kept: list[tuple[str, str]]) -> None:
    """Let a field offer choices, and what was chosen before and is there no more."""
    known = {value for value, _ in choices}
    field = form.fields[name]
    if isinstance(field, forms.ChoiceField):
        field.choices = [*choices, *(one for one in kept if one[0] not in known)]


def _list_kinds() -> list[tuple[str, str]]:
    conditions = [(condition.name, condition.title) for condition in list_conditions()]
    return [*conditions, *((event.name, f"{event.title} (event)") for event in list_events())]


class NoteForm(forms.Form):
    """Something said about an incident."""

    note = forms.CharField(max_length=2000, required=False, widget=UnfoldAdminTextareaWidget({"rows": 2}))


class SnoozeForm(NoteForm):
    """For how long reminders rest."""

    HOURS = ((1, "an hour"), (4, "four hours"), (24, "a day"), (72, "three days"), (168, "a week"))

    hours = forms.TypedChoiceField(choices=HOURS, coerce=int)

    def pause(self) -> dt.timedelta:
        """Return how long."""
        return dt.timedelta(hours=self.cleaned_data["hours"])
