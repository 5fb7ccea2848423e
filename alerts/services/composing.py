"""What a message says: fixed when it is written, so that every attempt at it says the same."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse

from alerts.models import Channel, Entry, Incident, Notification, Severity
from alerts.registry import find_event, get_title
from common.clock import iso, now
from common.wording import name_some

What = Notification.What
_CHANGE = "alerts.change_incident"


def describe_incident(
    incident: Incident, what: str, number: int, groups: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Put into words what has become of an incident: what, since when, how often, where, what to press, and who may.

    `groups` are the names of those that have each permission.
    """
    over = what == What.RECOVERED
    return {
        "type": f"incident.{what}",
        "what": what,
        "number": number,
        "kind": incident.condition,
        "kind_title": get_title(incident.condition),
        "scope": incident.scope,
        "severity": incident.severity,
        "severity_label": Severity(incident.severity).label,
        "title": incident.title,
        "detail": incident.detail,
        "advice": "" if over else incident.advice,
        "who_may": "" if over else _name_all(groups.get(incident.permission, ())),
        "who_may_acknowledge": "" if over else _name_all(groups.get(_CHANGE, ())),
        "count": incident.count,
        "since_at": iso(incident.began_at),
        "opened_at": iso(incident.opened_at),
        "resolved_at": iso(incident.resolved_at) if incident.resolved_at else "",
        "returns": incident.returns,
        "note": _tell_who_resolved(incident),
        "incident": incident.pk,
        "incident_url": to_address(reverse("admin:alerts_incident_change", args=[incident.pk])),
        "link": to_address(incident.link),
    }


def _name_all(names: Sequence[str]) -> str:
    return name_some(names, len(names))


def _tell_who_resolved(incident: Incident) -> str:
    if incident.resolved_by_id is None:
        return ""
    last = incident.entries.filter(kind=Entry.Kind.RESOLVED).select_related("author").last()
    return f"{last.author}: {last.text}" if last else ""


def describe_event(
    kind: str,
    scope: str,
    title: str,
    detail: str,
    link: str,
    payload: dict[str, Any],
    outcome: str,
    severity: str,
    moment: dt.datetime,
) -> dict[str, Any]:
    """Put an event into words."""
    known = find_event(kind)
    return {
        "type": kind.replace("-", ".", 1),
        "what": What.EVENT,
        "kind": kind,
        "kind_title": get_title(kind),
        "scope": scope,
        "severity": severity,
        "severity_label": Severity(severity).label,
        "outcome": outcome,
        "outcome_label": dict(known.outcomes).get(outcome, outcome) if known else outcome,
        "title": title,
        "detail": detail,
        "occurred_at": iso(moment),
        "link": to_address(link),
        "payload": payload,
    }


def describe_test(channel: Channel, actor: str) -> dict[str, Any]:
    """Put into words that a channel works."""
    return {
        "type": "test",
        "what": What.TEST,
        "kind": "test",
        "kind_title": "Test message",
        "scope": channel.name,
        "severity": Severity.INFO,
        "severity_label": Severity.INFO.label,
        "title": f"Test of the channel “{channel.name}”",
        "detail": f"{actor} asked for this message. Alerts for this channel arrive here.",
        "occurred_at": iso(now()),
        "link": to_address(reverse("admin:alerts_channel_change", args=[channel.pk])),
    }


def to_address(link: str) -> str:
    """Make a whole address of a path of this back office."""
    return settings.BASE_URL + link if link.startswith("/") else link
