"""A worker with a job item in hand, in whose name it delivers."""

import datetime as dt

from django.utils import timezone

from billing.services.delivering.claims import Holder
from jobs.models import JobItem, JobRun


def hold(token: int = 1, key: str = "held") -> Holder:
    """Take an item into one's hands as the engine's claim does: running, under a lease, with this token from now on."""
    now = timezone.now()
    # A run that has ended is no news to the pages and checks of other tests.
    ended = {"trigger": JobRun.Trigger.COMMAND, "status": "succeeded", "finished_at": now, "reported_at": now}
    run, _ = JobRun.objects.get_or_create(job="deliver-invoices", slot="held", defaults=ended)
    lease = now + dt.timedelta(minutes=10)
    item, _ = JobItem.objects.update_or_create(
        run=run, key=key, defaults={"status": "running", "token": token, "lease_expires_at": lease}
    )
    return Holder(item.pk, token)
