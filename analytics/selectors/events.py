"""Reads of the event log."""

import datetime as dt
from collections.abc import Collection

from django.db import connection

from accounts.models import Organization
from analytics.models import EventKey, digest_key
from common.clock import Month

_MOST_NAMES = 200
# From name to name by the index, within the tables of the months that are looked at.
_NAMES = """
WITH RECURSIVE found(name) AS (
    (SELECT name FROM analytics_event WHERE occurred_at >= %(since)s ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT name FROM analytics_event WHERE occurred_at >= %(since)s AND name > found.name ORDER BY name LIMIT 1)
    FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL LIMIT %(most)s
"""


def list_known_organizations(ids: Collection[str]) -> set[str]:
    """Return those ids that organizations have."""
    return set(Organization.objects.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()


def list_recent_names(moment: dt.datetime) -> list[str]:
    """List the first names, at most 200, of events that happened in this month and the one before."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, {"since": Month.of(moment).plus(-1).starts_at, "most": _MOST_NAMES})
        return [name for (name,) in cursor.fetchall()]


def find_event_by_key(key: str) -> int | None:
    """Return the number of the event that has an idempotency key."""
    return EventKey.objects.filter(digest=digest_key(key)).values_list("event_id", flat=True).first()
