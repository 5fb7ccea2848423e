"""Telling a monitor that something happened to its job."""

from django.db.models import Q

from common.clock import now
from jobs.models import JobMonitor


def touch_monitor(job: str) -> None:
    """Let the next tick look at a job's monitor; costs a look at an index where that is to happen anyway."""
    moment = now()
    later = Q(check_at__isnull=True) | Q(check_at__gt=moment)
    JobMonitor.objects.filter(later, job=job).update(check_at=moment)
