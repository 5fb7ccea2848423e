"""As of when roll-ups are true."""

import datetime as dt

from analytics.models import RollupState


def get_refreshed_at() -> dt.datetime | None:
    """Return the instant as of which every roll-up is true; None where one of them was never made."""
    found = list(RollupState.objects.values_list("refreshed_at", flat=True))
    known = [at for at in found if at is not None]
    return min(known) if known and len(known) == len(found) else None
