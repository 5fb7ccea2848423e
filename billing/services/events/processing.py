"""Working through the events that wait: claimed in batches, applied in one transaction, looked up outside of any."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from billing.models import StripeEvent
from billing.services.events.applying import apply_events
from billing.services.events.looking import look_at
from billing.services.events.outcomes import Outcome, Written, explain, keep_lease, write_outcomes

logger = logging.getLogger(__name__)
Status = StripeEvent.Status
_BATCH = 200


def process_events(ids: Iterable[int] | None = None, *, seconds: float = 240) -> int:
    """Work through what is due, or of it what has these ids, for at most so long; return how many came to an end.

    Any number of processes may do so at once. Whatever fails is tried again with growing pauses, so often as
    `STRIPE_EVENT_MAX_ATTEMPTS` allows, and then stays as failed.
    """
    chosen = None if ids is None else list(ids)
    deadline, ended = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        applied, done = _apply(chosen)
        # What was told of all invoices is known before anything is looked up, and then looked up once for all of it.
        looks = {} if applied else _claim_looks(chosen)
        ended += done + _look_all(looks)
        if not applied and not looks:
            break
    return ended


def requeue_events(ids: Iterable[int]) -> int:
    """Let events wait to be processed anew, those that have ended too; return how many do.

    What somebody looks up right now is left to them.
    """
    fresh = {"status": Status.PENDING, "attempts": 0, "look_at": "", "error": "", "note": ""}
    times = {"not_before": None, "lease_expires_at": None, "processed_at": None}
    chosen = StripeEvent.objects.filter(pk__in=list(ids))
    return chosen.exclude(status=Status.RUNNING, lease_expires_at__gt=Now()).update(**fresh, **times)


def _list_waiting(ids: Sequence[int] | None) -> QuerySet[StripeEvent]:
    waiting = Q(status=Status.PENDING) & (Q(not_before=None) | Q(not_before__lte=Now()))
    abandoned = Q(status=Status.RUNNING, lease_expires_at__lt=Now())
    due = StripeEvent.objects.filter(waiting | abandoned, status__in=StripeEvent.ACTIVE)
    return (due if ids is None else due.filter(pk__in=ids)).order_by("id")


def _apply(ids: Sequence[int] | None) -> tuple[int, int]:
    """Apply a batch, one event at a time where it does not go through as a whole, so that each fails alone.

    Returns how many events were in it and how many of them ended.
    """
    try:
        return _apply_batch(ids)
    except OperationalError:
        raise
    except Exception:
        logger.warning("A batch of Stripe's events did not go through; they are taken one by one", exc_info=True)
    ones = [_apply_one(event) for event in _list_waiting(ids).filter(look_at="")[:_BATCH]]
    return sum(size for size, _ in ones), sum(ended for _, ended in ones)


def _apply_one(event: StripeEvent) -> tuple[int, int]:
    try:
        return _apply_batch([event.pk])
    except OperationalError:
        raise
    except Exception as error:
        return 1, write_outcomes([Written(event.pk, explain(error), event.attempts, 1)])


@transaction.atomic
def _apply_batch(ids: Sequence[int] | None) -> tuple[int, int]:
    due = _list_waiting(ids).filter(look_at="").select_for_update(skip_locked=True, of=("self",))
    events = {event.pk: event for event in due[:_BATCH]}
    outcomes = apply_events(events.values())
    # An attempt is what comes to something: what must be looked up has it still before it.
    written = [Written(id_, one, events[id_].attempts, 0 if one.look_at else 1) for id_, one in outcomes.items()]
    return len(events), write_outcomes(written)


@transaction.atomic
def _claim_looks(ids: Sequence[int] | None) -> dict[str, dict[int, int]]:
    """Claim as much as is looked up at once, each thing for all events that wait for it; attempts by id, by target."""
    due = _list_waiting(ids).exclude(look_at="").select_for_update(skip_locked=True, of=("self",))
    first = list(due.values_list("look_at", flat=True)[:_BATCH])
    targets = list(dict.fromkeys(first))[: settings.JOBS_THREADS]
    looks: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for id_, target, attempts in due.filter(look_at__in=targets).values_list("pk", "look_at", "attempts"):
        looks[target][id_] = attempts + 1
    claimed = [(id_, claim) for events in looks.values() for id_, claim in events.items()]
    write_outcomes([Written(id_, Outcome(Status.RUNNING), claim - 1, 1) for id_, claim in claimed])
    return looks


def _look_all(looks: Mapping[str, dict[int, int]]) -> int:
    """Look things up, several at once in threads; return how many events ended."""
    if len(looks) < 2:
        return sum(_look(target, claims) for target, claims in looks.items())

    def look(target: str) -> int:
        try:
            return _look(target, looks[target])
        finally:
            connection.close()

    with ThreadPoolExecutor(len(looks), thread_name_prefix="stripe-events") as pool:
        return sum(pool.map(look, looks))


def _look(target: str, claims: dict[int, int]) -> int:
    mine = keep_lease(claims)
    if not mine:
        return 0
    try:
        outcome = look_at(target)
    except OperationalError:
        raise
    except Exception as error:
        outcome = explain(error)
    return write_outcomes([Written(id_, outcome, claim) for id_, claim in mine.items()])
