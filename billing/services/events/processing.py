"""Working through the events that wait: claimed in batches, applied in one transaction, looked up outside of any."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from billing.models import StripeEvent
from billing.services.events.applying import apply_events
from billing.services.events.looking import look_at
from billing.services.events.outcomes import Written, explain, keep_lease, write_outcomes

logger = logging.getLogger(__name__)
Status = StripeEvent.Status
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """What one claim came to: how many events it had in hand, how many of them ended, what must be looked up."""

    size: int
    ended: int
    looks: dict[str, list[StripeEvent]]


def process_events(ids: Iterable[int] | None = None, *, seconds: float = 240) -> int:
    """Work through what is due, or of it what has these ids, for at most so long; return how many came to an end.

    Any number of processes may do so at once. Whatever fails is tried again with growing pauses, so often as
    `STRIPE_EVENT_MAX_ATTEMPTS` allows, and then stays as failed.
    """
    chosen = None if ids is None else list(ids)
    deadline, ended = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        batch = _claim(chosen)
        ended += batch.ended + _look_all(batch.looks)
        if not batch.size:
            break
    return ended


def requeue_events(ids: Iterable[int]) -> int:
    """Let events wait to be processed anew, those that have ended too; return how many do.

    What somebody looks up right now is left to them.
    """
    chosen = StripeEvent.objects.filter(pk__in=list(ids))
    return chosen.exclude(status=Status.RUNNING, lease_expires_at__gt=Now()).update(
        status=Status.PENDING, attempts=0, not_before=None, lease_expires_at=None, processed_at=None, error="", note=""
    )


def _list_due(ids: Sequence[int] | None) -> QuerySet[StripeEvent]:
    waiting = Q(status=Status.PENDING) & (Q(not_before=None) | Q(not_before__lte=Now()))
    abandoned = Q(status=Status.RUNNING, lease_expires_at__lt=Now())
    due = StripeEvent.objects.filter(waiting | abandoned, status__in=StripeEvent.ACTIVE)
    return (due if ids is None else due.filter(pk__in=ids)).order_by("id")


def _claim(ids: Sequence[int] | None) -> Batch:
    """Apply a batch; one event at a time where it does not go through as a whole, so that each fails alone."""
    try:
        return _claim_batch(ids)
    except OperationalError:
        raise
    except Exception:
        logger.warning("A batch of Stripe's events did not go through; they are taken one by one", exc_info=True)
    ones = [_claim_one(event) for event in _list_due(ids)[:_BATCH]]
    looks: defaultdict[str, list[StripeEvent]] = defaultdict(list)
    for target, events in (pair for one in ones for pair in one.looks.items()):
        looks[target] += events
    return Batch(sum(one.size for one in ones), sum(one.ended for one in ones), looks)


def _claim_one(event: StripeEvent) -> Batch:
    try:
        return _claim_batch([event.pk])
    except OperationalError:
        raise
    except Exception as error:
        return Batch(1, write_outcomes([Written(event, explain(error), event.attempts, 1)]), {})


@transaction.atomic
def _claim_batch(ids: Sequence[int] | None) -> Batch:
    due = _list_due(ids).select_for_update(skip_locked=True, of=("self",))
    events = {event.pk: event for event in due[:_BATCH]}
    outcomes = apply_events(events.values())
    looked = [outcome.look_at for outcome in outcomes.values() if outcome.status == Status.RUNNING]
    # Only what is looked up at once is claimed: all else waits for the next batch, or for another worker.
    targets = set(list(dict.fromkeys(looked))[: settings.JOBS_THREADS])
    looks: defaultdict[str, list[StripeEvent]] = defaultdict(list)
    written = []
    for id_, outcome in outcomes.items():
        if outcome.status == Status.RUNNING:
            if outcome.look_at not in targets:
                continue
            looks[outcome.look_at].append(events[id_])
        written.append(Written(events[id_], outcome, events[id_].attempts, 1))
    return Batch(len(events), write_outcomes(written), looks)


def _look_all(looks: dict[str, list[StripeEvent]]) -> int:
    """Look up each thing once for all events about it, several at once in threads; return how many events ended."""
    if len(looks) < 2:
        return sum(_look(target, events) for target, events in looks.items())

    def look(target: str) -> int:
        try:
            return _look(target, looks[target])
        finally:
            connection.close()

    with ThreadPoolExecutor(len(looks), thread_name_prefix="stripe-events") as pool:
        return sum(pool.map(look, looks))


def _look(target: str, events: Sequence[StripeEvent]) -> int:
    mine = keep_lease(events)
    if not mine:
        return 0
    try:
        with_invoice = look_at(target)
    except OperationalError:
        raise
    except Exception as error:
        outcome = explain(error)
        return write_outcomes([Written(event, outcome, event.attempts + 1, 0) for event in mine])
    return write_outcomes([Written(event, with_invoice, event.attempts + 1, 0) for event in mine])
