"""Making and dropping the event log's tables, a month at a time."""

import datetime as dt

from django.db import connection, transaction

from analytics.selectors.partitions import list_months, name_table, was_recorded_since
from common.clock import Month

# Whoever writes events waits behind a change that waits for its lock, so it gives up soon and is tried again: sooner
# than PostgreSQL looks for deadlocks, so that it is never somebody else's work that is broken off.
_PATIENCE = "SET LOCAL lock_timeout = '500ms'"
# Attaching locks it in any case, but behind the log, where somebody may hold the one and wait for the other.
_LOCK_FIRST = "LOCK TABLE accounts_organization IN SHARE ROW EXCLUSIVE MODE"


def make_month(month: Month) -> int | None:
    """Make a month's table and move into it what waits in the default partition.

    Returns how many events moved; None where the month has its table. Whoever records events waits for it.
    OperationalError where somebody keeps the log locked: try again.
    """
    if month in list_months():
        return None
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        cursor.execute(_LOCK_FIRST)
        cursor.execute("SELECT analytics_add_month(%s)", [month.first_day])
        return int(cursor.fetchone()[0])


@transaction.atomic
def drop_month(month: Month, *, unless_recorded_since: dt.datetime | None = None) -> int | None:
    """Drop a month's events, and forget their keys; return how many events there were.

    None where nothing was dropped: there is no table, or an event was recorded after an instant. That is looked at
    once nobody can write into the month any more. OperationalError where somebody keeps the log locked: try again.
    """
    if month not in list_months():
        return None
    with connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        cursor.execute(f"LOCK TABLE {name_table(month)} IN SHARE MODE")
        if unless_recorded_since and was_recorded_since(month, unless_recorded_since):
            return None
        cursor.execute("SELECT analytics_drop_month(%s)", [month.first_day])
        return int(cursor.fetchone()[0])
