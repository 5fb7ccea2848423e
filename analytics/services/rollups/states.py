"""As of when a roll-up is true."""

import datetime as dt

from django.db import connection

from analytics.models import RollupState


def lock_state(name: str) -> tuple[RollupState, dt.datetime]:
    """Take a roll-up's turn within this transaction; return its state, and the database's time when we got it."""
    RollupState.objects.bulk_create([RollupState(name=name)], ignore_conflicts=True)
    state = RollupState.objects.select_for_update().get(pk=name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone() or (None,)
    if moment is None:
        raise AssertionError("The database has a clock.")
    return state, moment
