"""What staff do about an incident; each leaves an entry on it, and each is done once however often it is pressed."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.services.auditing import record_action
from alerts.models import Entry, Incident
from alerts.services.planning import Plan, skip_reminders
from common.clock import now
from common.errors import Permanent

if TYPE_CHECKING:
    from accounts.models import User

Kind = Entry.Kind
_VERBS: dict[str, str] = {
    Kind.NOTE: "note",
    Kind.ACKNOWLEDGED: "acknowledge",
    Kind.SNOOZED: "snooze",
    Kind.WOKEN: "end-snooze",
    Kind.RESOLVED: "resolve",
}
_LONGEST_SNOOZE = dt.timedelta(days=90)


@transaction.atomic
def acknowledge(pk: int, actor: "User", note: str = "", moment: dt.datetime | None = None) -> Incident:
    """Note that somebody has an incident in hand, or takes it over: nobody is reminded of it. Its recovery is told."""
    incident = _take(pk)
    if incident.acknowledged_by_id != actor.pk:
        incident.acknowledged_at, incident.acknowledged_by = moment or now(), actor
        incident.save(update_fields=["acknowledged_at", "acknowledged_by"])
        _write(incident, Kind.ACKNOWLEDGED, actor, note)
        skip_reminders(incident, f"{actor} acknowledged the incident.")
    return incident


@transaction.atomic
def snooze(pk: int, actor: "User", until: dt.datetime, note: str = "", moment: dt.datetime | None = None) -> Incident:
    """Let reminders of an incident rest until an instant; Permanent where that is past or very far."""
    incident, moment = _take(pk), moment or now()
    if not moment < until <= moment + _LONGEST_SNOOZE:
        raise Permanent("Choose an instant that is to come, within ninety days.")
    incident.snoozed_until = until
    incident.save(update_fields=["snoozed_until"])
    skip_reminders(incident, f"{actor} snoozed the incident.")
    _write(incident, Kind.SNOOZED, actor, f"Until {until.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC. {note}".strip())
    return incident


@transaction.atomic
def end_snooze(pk: int, actor: "User", note: str = "", moment: dt.datetime | None = None) -> Incident:
    """Let reminders of a snoozed incident come again; nothing where it is not snoozed (any more)."""
    incident = _take(pk)
    if incident.is_snoozed(moment or now()):
        incident.snoozed_until = None
        incident.save(update_fields=["snoozed_until"])
        _write(incident, Kind.WOKEN, actor, note)
    return incident


@transaction.atomic
def resolve(pk: int, actor: "User", note: str, moment: dt.datetime | None = None) -> Incident:
    """End an incident by hand, and tell so; it opens anew once there is more of it, or it was gone in between."""
    incident = _take(pk)
    if not note.strip():
        raise Permanent("Say what was done: the note is kept with the incident and told to whoever was alerted.")
    moment = moment or now()
    incident.resolved_at, incident.resolved_by = moment, actor
    incident.save(update_fields=["resolved_at", "resolved_by"])
    _write(incident, Kind.RESOLVED, actor, note)
    plan = Plan([incident], moment)
    plan.tell_recovered(incident)
    plan.write()
    return incident


@transaction.atomic
def add_note(pk: int, actor: "User", text: str) -> Entry:
    """Keep a note with an incident, open or not."""
    if not text.strip():
        raise Permanent("Write something.")
    return _write(Incident.objects.get(pk=pk), Kind.NOTE, actor, text)


def _take(pk: int) -> Incident:
    incident = Incident.objects.select_for_update().get(pk=pk)
    if not incident.is_open:
        raise Permanent("This incident is resolved already.")
    return incident


def _write(incident: Incident, kind: str, actor: "User", text: str) -> Entry:
    record_action(_VERBS[kind], incident, actor=actor, reason=text)
    return Entry.objects.create(incident=incident, kind=kind, author=actor, text=text.strip())
