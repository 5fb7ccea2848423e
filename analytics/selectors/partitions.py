"""Which months the event log has tables for, and which it should have."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from common.clock import Month

# Months that have a table before anything happens in them.
AHEAD = 3
# A month beyond the policy stays so long after the last of its events was recorded: an import of old ones is not lost
# over night.
STAYS_AFTER_RECORDING = dt.timedelta(days=31)
_FIRST = Month(2000, 1)
_TABLE = re.compile(r"analytics_event_y(\d{4})m(\d{2})\Z")
_TABLES = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'analytics_event'::regclass"
_STRAYS = "SELECT DISTINCT date_trunc('month', occurred_at AT TIME ZONE 'UTC')::date FROM analytics_event_default"


@dataclass(frozen=True)
class Plan:
    """What is to be done about the tables: months to make, months to drop, and those that are only kept for now."""

    make: tuple[Month, ...]
    drop: tuple[Month, ...]
    kept_for_now: tuple[Month, ...]


def name_table(month: Month) -> str:
    """Return the name of a month's table."""
    return f"analytics_event_y{month.year:04}m{month.number:02}"


def list_months() -> list[Month]:
    """List the months that have a table of their own, the oldest first."""
    return sorted(Month(int(match[1]), int(match[2])) for (name,) in _rows(_TABLES) if (match := _TABLE.search(name)))


def get_oldest_kept(moment: dt.datetime) -> Month | None:
    """Return the oldest month that the policy keeps; None where it keeps all."""
    kept: int = settings.ANALYTICS_EVENT_MONTHS
    return Month.of(moment).plus(-kept) if kept else None


def plan_partitions(moment: dt.datetime) -> Plan:
    """Compare the tables that are there with what the policy and the strays in the default partition want."""
    there, last = list_months(), Month.of(moment).plus(AHEAD)
    strays = {Month.of(day) for (day,) in _rows(_STRAYS)}
    ahead = {Month.of(moment).plus(months) for months in range(AHEAD + 1)}
    wanted = ahead | {month for month in strays if _FIRST <= month <= last}
    oldest = get_oldest_kept(moment)
    beyond = [month for month in there if oldest and month < oldest]
    lately = {month for month in beyond if was_recorded_since(month, moment - STAYS_AFTER_RECORDING)}
    return Plan(
        make=tuple(sorted(wanted - set(there))),
        drop=tuple(month for month in beyond if month not in lately),
        kept_for_now=tuple(sorted(lately)),
    )


def was_recorded_since(month: Month, moment: dt.datetime) -> bool:
    """Return whether an event of a month that has a table was recorded after an instant."""
    sql = f"SELECT EXISTS (SELECT 1 FROM {name_table(month)} WHERE recorded_at > %s)"  # noqa: S608 - made of numbers
    return bool(_rows(sql, moment)[0][0])


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
