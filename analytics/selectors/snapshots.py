"""What snapshots tell."""

import datetime as dt
from typing import Any

from django.db.models import Count, Q

from analytics.models import ProviderSnapshot
from common.clock import iso


def summarize_slot(slot_at: dt.datetime) -> dict[str, Any]:
    """Count a slot's snapshots, those with something missing, and those in which something jumped."""
    figures = ProviderSnapshot.objects.filter(slot_at=slot_at).aggregate(
        snapshots=Count("pk"),
        incomplete=Count("pk", filter=~Q(state=ProviderSnapshot.State.COMPLETE)),
        jumps=Count("pk", filter=~Q(jumps={})),
    )
    return {"slot": iso(slot_at), **figures}
