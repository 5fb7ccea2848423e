"""How long the apps below keep what they have, and the spine itself."""

import datetime as dt

from django.contrib.sessions.models import Session
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from alerts.models import Entry, Incident, Notification
from jobs.retention import Retention, register_retention

_INCIDENT_DAYS = 400


def _delete_sessions(before: dt.datetime, limit: int) -> int:
    keys = Session.objects.filter(expire_date__lt=before).values_list("pk", flat=True)[:limit]
    return Session.objects.filter(pk__in=list(keys)).delete()[0]


def _delete_tokens(before: dt.datetime, limit: int) -> int:
    keys = list(OutstandingToken.objects.filter(expires_at__lt=before).values_list("pk", flat=True)[:limit])
    # What says that they are blocked goes with them: an expired token opens nothing.
    OutstandingToken.objects.filter(pk__in=keys).delete()
    return len(keys)


def _delete_incidents(before: dt.datetime, limit: int) -> int:
    resolved = Incident.objects.filter(resolved_at__lt=before).select_for_update(skip_locked=True).order_by("pk")
    keys = [incident.pk for incident in resolved[:limit]]
    Notification.objects.filter(incident__in=keys).delete()
    Entry.objects.filter(incident__in=keys).delete()
    Incident.objects.filter(pk__in=keys).delete()
    return len(keys)


def _delete_messages(before: dt.datetime, limit: int) -> int:
    ended = Notification.objects.exclude(status__in=Notification.UNENDED).filter(incident=None, created_at__lt=before)
    keys = list(ended.order_by("pk").values_list("pk", flat=True)[:limit])
    return Notification.objects.filter(pk__in=keys).delete()[0]


for retention in (
    Retention("audit-trail", "Audit trail", None, "Kept for ever: who did what, when and why."),
    Retention("job-runs", "Job runs and their items", None, "Kept for ever: they explain what was billed."),
    Retention("sessions", "Sessions of the admin", 0, "Deleted once they have expired.", _delete_sessions),
    Retention("api-tokens", "API tokens", 0, "Deleted once they have expired.", _delete_tokens),
    Retention(
        "incidents",
        "Resolved incidents with their messages",
        _INCIDENT_DAYS,
        "A year back can be compared; open ones stay.",
        _delete_incidents,
    ),
    Retention(
        "event-messages", "Alert messages about events", _INCIDENT_DAYS, "As long as incidents.", _delete_messages
    ),
):
    register_retention(retention)
