"""Deleting what is no longer kept."""

import datetime as dt

from django.db import transaction

from jobs.retention import Retention

# So many at once: each part is a short transaction of its own.
_BATCH = 1_000


def delete_expired(retention: Retention, moment: dt.datetime) -> int:
    """Delete all that is no longer kept at an instant, part by part; return how many things.

    It may be stopped and begun again at any time. Nothing is deleted where something else does it.
    """
    if retention.delete is None or retention.days is None:
        return 0
    before, total = moment - dt.timedelta(days=retention.days), 0
    while True:
        with transaction.atomic():
            deleted = retention.delete(before, _BATCH)
        total += deleted
        if deleted < _BATCH:
            return total
