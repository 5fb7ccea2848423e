"""Days that are to be added up anew."""

import datetime as dt
from collections.abc import Iterable

from django.db import connection


def mark_stale(provider: str, days: Iterable[dt.date]) -> None:
    """Mark days whose snapshots changed in this transaction.

    The row is written even where it is there already: whoever adds the day up at this moment then waits for our
    commit, or finds the day marked again.
    """
    if found := sorted(days):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO analytics_staleday (provider, day, marked_at) "
                "SELECT %s, day, clock_timestamp() FROM unnest(%s::date[]) AS marked(day) "
                "ON CONFLICT (provider, day) DO UPDATE SET marked_at = EXCLUDED.marked_at",
                [provider, found],
            )
