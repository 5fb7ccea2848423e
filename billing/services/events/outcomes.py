"""Writing down what became of events: ended, or to be tried again after a pause."""

import datetime as dt
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from billing.models import StripeEvent
from common.clock import now
from common.errors import Misconfigured, Permanent, WorkError

logger = logging.getLogger(__name__)
Status = StripeEvent.Status
# An event is written only as it was when it was claimed: whoever was overtaken writes nothing.
_WRITE = """
    UPDATE billing_stripeevent event SET status = after.status, attempts = after.attempts,
        not_before = after.not_before, lease_expires_at = after.lease_expires_at, processed_at = after.processed_at,
        look_at = coalesce(after.look_at, event.look_at), error = after.error, note = after.note,
        invoice_id = coalesce(after.invoice_id, event.invoice_id),
        account_id = coalesce(after.account_id, event.account_id)
    FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[],
        %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
        AS after(id, claim, status, attempts, not_before, lease_expires_at, processed_at, look_at, error, note,
            invoice_id, account_id)
    WHERE event.id = after.id AND event.attempts = after.claim AND event.status IN ('pending', 'running')
"""
_KEEP = """
    UPDATE billing_stripeevent event SET lease_expires_at = %s
    FROM unnest(%s::bigint[], %s::int[]) AS mine(id, claim)
    WHERE event.id = mine.id AND event.attempts = mine.claim AND event.status = 'running' RETURNING event.id
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event; `look_at` names what has to be looked up in Stripe before it is done,
    for which it waits on.
    """

    status: str = Status.DONE
    note: str = ""
    error: WorkError | None = None
    invoice_id: int | None = None
    account_id: int | None = None
    look_at: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """An outcome to be written where the event's attempts are still `claim`; `counted` is added to them."""

    event_id: int
    outcome: Outcome
    claim: int
    counted: int = 0

    @property
    def attempts(self) -> int:
        # What the installation is to blame for is no attempt of the event's.
        blameless = isinstance(self.outcome.error, Misconfigured)
        return max(self.claim + self.counted - (1 if blameless else 0), 0)

    @property
    def status(self) -> str:
        is_retried = self.outcome.status == Status.PENDING and self.outcome.error is not None
        is_last = self.attempts >= settings.STRIPE_EVENT_MAX_ATTEMPTS
        return Status.FAILED if is_retried and is_last else self.outcome.status


def explain(error: Exception) -> Outcome:
    """Make an outcome of an error: what may heal waits for another attempt."""
    if isinstance(error, WorkError):
        return Outcome(Status.FAILED if isinstance(error, Permanent) else Status.PENDING, error=error)
    logger.error("A Stripe event failed in a way nobody foresaw", exc_info=error)
    return Outcome(Status.FAILED, error=Permanent(f"Unforeseen {type(error).__name__}: {error}"))


def write_outcomes(outcomes: Sequence[Written]) -> int:
    """Write outcomes down; return how many events have come to an end by them."""
    if not outcomes:
        return 0
    moment = now()
    columns = zip(*(_row(written, moment) for written in outcomes), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [list(column) for column in columns])
    return sum(written.status not in StripeEvent.ACTIVE for written in outcomes)


def keep_lease(claims: Mapping[int, int]) -> dict[int, int]:
    """Renew the lease of claimed events, attempts by id; return those that nobody else has taken meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [_lease(now()), list(claims), list(claims.values())])
        return {id_: claims[id_] for (id_,) in cursor.fetchall()}


def _row(written: Written, moment: dt.datetime) -> tuple[object, ...]:
    outcome, status = written.outcome, written.status
    waits, runs = status == Status.PENDING, status == Status.RUNNING
    return (
        written.event_id,
        written.claim,
        str(status),
        written.attempts,
        moment + _pause(written) if waits and outcome.error else None,
        _lease(moment) if runs else None,
        None if waits or runs else moment,
        outcome.look_at or None,
        outcome.error.message if outcome.error else "",
        outcome.note,
        outcome.invoice_id,
        outcome.account_id,
    )


def _lease(moment: dt.datetime) -> dt.datetime:
    return moment + dt.timedelta(seconds=settings.JOBS_LEASE_SECONDS)


def _pause(written: Written) -> dt.timedelta:
    """How long to wait before the next attempt: exponential, jittered, bounded."""
    doubled = settings.STRIPE_EVENT_RETRY_BASE_SECONDS * 2 ** max(written.attempts - 1, 0)
    wished = getattr(written.outcome.error, "retry_after", None) or 0.0
    ceiling = min(doubled, settings.STRIPE_EVENT_RETRY_MAX_SECONDS)
    return dt.timedelta(seconds=max(ceiling * random.uniform(0.5, 1), wished))  # noqa: S311 - jitter, no secret
