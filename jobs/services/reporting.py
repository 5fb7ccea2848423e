"""Which runs' results were told to whoever keeps figures of them."""

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now

from common.clock import now
from jobs.models import JobRun


def claim_unreported_runs(limit: int, hours: int = 6) -> list[JobRun]:
    """Take runs that ended within the last hours and were not reported yet, dry runs left out: each is given once."""
    with transaction.atomic():
        ended = JobRun.objects.filter(
            reported_at=None, dry_run=False, finished_at__gt=now() - dt.timedelta(hours=hours)
        )
        runs = list(ended.order_by("finished_at").select_for_update(skip_locked=True)[:limit])
        JobRun.objects.filter(pk__in=[run.pk for run in runs]).update(reported_at=Now())
    return runs


def release_unreported_runs(runs: Sequence[JobRun]) -> None:
    """Give runs back that could not be reported."""
    JobRun.objects.filter(pk__in=[run.pk for run in runs]).update(reported_at=None)
