"""Usage events into hours, in SQL, always recomputed whole."""

import datetime as dt

from django.db import connection, transaction

from billing.selectors.inputs import rows
from common.clock import now
from jobs.models import JobRun

_HOUR = dt.timedelta(hours=1)
_OVERLAP = dt.timedelta(days=1)

_AGGREGATE = """
    INSERT INTO billing_usagehour (organization_id, meter_id, hour, quantity)
    SELECT event.organization_id, event.meter_id, %(hour)s, sum(event.quantity)
    FROM billing_usageevent event WHERE event.occurred_at >= %(hour)s AND event.occurred_at < %(end)s
    GROUP BY event.organization_id, event.meter_id
    ON CONFLICT (organization_id, meter_id, hour) DO UPDATE SET quantity = excluded.quantity
    WHERE billing_usagehour.quantity <> excluded.quantity
"""
_EMPTY = """
    UPDATE billing_usagehour hour SET quantity = 0 WHERE hour.hour = %(hour)s AND hour.quantity <> 0
    AND NOT EXISTS (
        SELECT 1 FROM billing_usageevent event
        WHERE event.organization_id = hour.organization_id AND event.meter_id = hour.meter_id
        AND event.occurred_at >= %(hour)s AND event.occurred_at < %(end)s
    )
"""


def aggregate_hour(hour: dt.datetime) -> int:
    """Recompute an hour's usage of all organizations, whatever their status is now; return how many rows changed.

    Converges: the same events give the same hours, however often and in whatever order this runs. Two at once on
    one hour take turns.
    """
    values = {"hour": hour, "end": hour + _HOUR}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('billing.usage'), %s)", [int(hour.timestamp() // 3600)])
        cursor.execute(_AGGREGATE, values)
        changed = cursor.rowcount
        cursor.execute(_EMPTY, values)
        return int(changed + cursor.rowcount)


def list_hours_to_aggregate(hour: dt.datetime) -> list[dt.datetime]:
    """List the hour, and all that have ended and for which events arrived since the job last succeeded.

    However long it did not run, nothing is left out; a day's overlap covers what is committed late.
    """
    succeeded = JobRun.objects.filter(job="hourly-usage", status=JobRun.Status.SUCCEEDED)
    last = succeeded.order_by("-id").values_list("started_at", flat=True).first()
    late = rows(
        """
        SELECT DISTINCT date_trunc('hour', occurred_at, 'UTC') FROM billing_usageevent
        WHERE received_at >= coalesce(%s, '-infinity'::timestamptz) AND occurred_at < %s
        """,
        last - _OVERLAP if last else None,
        _start(now()),
    )
    return sorted({_start(hour)} | {moment for (moment,) in late})


def _start(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
