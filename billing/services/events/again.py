"""Deciding by hand about events: process them again, dismiss them, bring them back."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from billing.models import StripeEvent
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from workqueue.services import dismiss, restore

if TYPE_CHECKING:
    from accounts.models import User


def process_again(events: Sequence[int], *, actor: "User | None", reason: str) -> JobRun:
    """Start the run that processes events again, whatever became of them; it keeps who asked and why."""
    job = get_job("process-stripe-events")
    params = read_params(job, {"events": list(events)})
    run, _ = start(job, params, JobRun.Trigger.ADMIN, actor=actor, reason=reason)
    return run


def dismiss_events(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let nobody be asked about these events any more; return how many. Each leaves an audit entry.

    Only what failed can be dismissed. Its error stays with it, and it can be processed again at any time.
    """
    return len(dismiss(StripeEvent.objects.filter(pk__in=list(ids)).defer("body"), actor=actor, reason=reason))


def restore_events(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let dismissed events be failed ones again; return how many."""
    return len(restore(StripeEvent.objects.filter(pk__in=list(ids)).defer("body"), actor=actor, reason=reason))
