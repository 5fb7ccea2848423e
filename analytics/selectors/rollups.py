"""As of when roll-ups are true."""

import datetime as dt

from analytics.models import RollupState
from analytics.registry import list_revenue_sources, list_sources


def get_refreshed_at() -> dt.datetime | None:
    """Return the instant as of which every roll-up is true; None where one of them was never made."""
    names = {f"revenue {source.provider}" for source in list_revenue_sources()}
    names |= {f"days {source.provider}" for source in list_sources()}
    known = RollupState.objects.filter(pk__in=names, refreshed_at__isnull=False).values_list("refreshed_at", flat=True)
    found = [at for at in known if at]
    return min(found) if found and len(found) == len(names) else None
