"""Working through the events that wait: applied in batches, each in one transaction, or looked up outside of any."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from django.conf import settings
from django.db import OperationalError, connection, transaction

from billing.models import StripeEvent
from billing.services.events.applying import apply_events
from billing.services.events.looking import look_at
from billing.services.events.ringing import BELL
from workqueue.retries import RetryPolicy
from workqueue.services import WorkQueue, requeue

logger = logging.getLogger(__name__)
_BATCH = 200


class StripeEvents(WorkQueue[StripeEvent]):
    """Stripe's events that wait. What they say is applied at once; what they name is looked up under a lease."""

    name = "stripe-events"
    title = "Stripe events"
    model = StripeEvent
    bell = BELL

    @property
    def policy(self) -> RetryPolicy:
        """When an event is tried again that could not be processed."""
        return RetryPolicy(
            settings.STRIPE_EVENT_MAX_ATTEMPTS,
            settings.STRIPE_EVENT_RETRY_BASE_SECONDS,
            settings.STRIPE_EVENT_RETRY_MAX_SECONDS,
        )

    def work(
        self, ids: Iterable[int] | None = None, *, seconds: float = 240, goes_on: Callable[[], object] = lambda: None
    ) -> int:
        """Work off what is due, or of it what has these ids, for at most so long; return how many events ended."""
        chosen = None if ids is None else list(ids)
        deadline, ended = time.monotonic() + seconds, 0
        self.bury()
        while time.monotonic() < deadline:
            applied, done = self._apply(chosen)
            # What was told of all invoices is known before anything is looked up, and then looked up once for all.
            looks = {} if applied else self._claim_looks(chosen)
            ended += done + self._look_all(looks)
            if not applied and not looks:
                break
            goes_on()
        return ended

    def _apply(self, ids: Sequence[int] | None) -> tuple[int, int]:
        """Apply a batch, one event at a time where it does not go through as a whole, so that each fails alone.

        Returns how many events were in it and how many of them ended.
        """
        try:
            return self._apply_batch(ids)
        except OperationalError:
            raise
        except Exception:
            logger.warning("A batch of Stripe's events did not go through; they are taken one by one", exc_info=True)
        ones = [self._apply_one(event) for event in self.list_due(ids).filter(look_at="")[:_BATCH]]
        return sum(size for size, _ in ones), sum(ended for _, ended in ones)

    def _apply_one(self, event: StripeEvent) -> tuple[int, int]:
        try:
            return self._apply_batch([event.pk])
        except Exception as error:
            event.attempts += 1
            return 1, self.write([self.explain(event, error)])

    @transaction.atomic
    def _apply_batch(self, ids: Sequence[int] | None) -> tuple[int, int]:
        # Locked and not leased: what becomes of them is written before this transaction ends.
        due = self.list_due(ids).filter(look_at="").select_for_update(skip_locked=True, of=("self",))
        events = {event.pk: event for event in due[:_BATCH]}
        outcomes = apply_events(events.values())
        for id_, outcome in outcomes.items():
            # An attempt is what comes to something: what must be looked up has it still before it.
            events[id_].attempts += 0 if outcome.look_at else 1
        return len(events), self.write([outcome.to_be_written(events[id_]) for id_, outcome in outcomes.items()])

    @transaction.atomic
    def _claim_looks(self, ids: Sequence[int] | None) -> dict[str, list[StripeEvent]]:
        """Claim as much as is looked up at once, each thing for all events that wait for it."""
        due = self.list_due(ids).exclude(look_at="").select_for_update(skip_locked=True, of=("self",)).defer("body")
        first = list(due.values_list("look_at", flat=True)[:_BATCH])
        targets = list(dict.fromkeys(first))[: settings.JOBS_THREADS]
        looks: dict[str, list[StripeEvent]] = {}
        for event in self.take(list(due.filter(look_at__in=targets))):
            looks.setdefault(event.look_at, []).append(event)
        return looks

    def _look_all(self, looks: Mapping[str, list[StripeEvent]]) -> int:
        """Look things up, several at once; return how many events ended."""
        if len(looks) < 2:
            return sum(self._look(events) for events in looks.values())

        def look(first: StripeEvent) -> int:
            try:
                return self._look(looks[first.look_at])
            finally:
                connection.close()

        return sum(self.in_threads(look, [events[0] for events in looks.values()]))

    def _look(self, events: Sequence[StripeEvent]) -> int:
        mine = self.keep(events)
        if not mine:
            return 0
        try:
            outcome = look_at(mine[0].look_at)
        except OperationalError:
            raise
        except Exception as error:
            return self.write([self.explain(event, error) for event in mine])
        return self.write([outcome.to_be_written(event) for event in mine])


STRIPE_EVENTS = StripeEvents()


def process_events(ids: Iterable[int] | None = None, *, seconds: float = 240) -> int:
    """Work through what is due, or of it what has these ids, for at most so long; return how many came to an end."""
    return STRIPE_EVENTS.work(ids, seconds=seconds)


def requeue_events(ids: Iterable[int]) -> int:
    """Let events wait to be processed again, those that have ended too; return how many do.

    What somebody looks up right now is left to them.
    """
    chosen = StripeEvent.objects.filter(pk__in=list(ids)).defer("body")
    return len(requeue(chosen, values={"look_at": "", "note": ""}))
