"""Sending: a row is claimed and committed, then the call is made, then its outcome is committed.

Where a sender dies or can't know the outcome, the message is sent again under the same reference.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now

from alerts.models import Channel, Notification, Rule
from alerts.selectors import list_stories
from alerts.services.delivering import deliver
from alerts.services.planning import find_moment
from alerts.services.ringing import BELL
from common.clock import iso, now
from common.errors import Permanent, Retryable, WorkError
from workqueue.retries import RetryPolicy
from workqueue.services import Outcome, WorkQueue

logger = logging.getLogger(__name__)
Status, What = Notification.Status, Notification.What
_LONGEST_HISTORY = 30
_LONGEST_REST = dt.timedelta(minutes=5)
# So many receivers are called at the same time, and what others should hear meanwhile is looked for so often.
_AT_ONCE, _LOOK_AGAIN_SECONDS = 50, 0.5
_LOST = "The worker that sent it crashed before it noted the outcome; it is sent again."


class Notifications(WorkQueue[Notification]):
    """Messages of alerts. Each receiver gets one at a time, in order, and never holds another's messages."""

    name = "notifications"
    title = "Alert messages"
    arrived = "created_at"
    model = Notification
    bell = BELL
    died = "Each worker that sent it crashed: nobody knows whether it arrived."

    @property
    def policy(self) -> RetryPolicy:
        """When a message is tried again that did not get through."""
        return RetryPolicy(
            settings.ALERTS_MAX_ATTEMPTS, settings.ALERTS_RETRY_BASE_SECONDS, settings.ALERTS_RETRY_MAX_SECONDS
        )

    @property
    def lease_seconds(self) -> float:
        """How long a message is its sender's; longer than any call may take."""
        return settings.ALERTS_LEASE_SECONDS

    def counts(self, row: Notification, error: WorkError) -> bool:
        """Count every failure: a channel whose settings are missing must fail, so that other channels say so."""
        return True

    def find_pause(self, row: Notification, error: WorkError, attempts: int) -> float | None:
        """Decide in how many seconds a message is tried again; a test is sent once."""
        return None if row.what == What.TEST else super().find_pause(row, error, attempts)

    # Claiming

    def list_due(self, ids: Iterable[int] | None = None, moment: dt.datetime | None = None) -> QuerySet[Notification]:
        """List what can be sent now, or at an instant, the longest waiting first.

        What became of an incident is told in its order. A channel that just failed is left alone for a while, and so is
        one that somebody calls right now.
        """
        clock = Now() if moment is None else Value(moment)
        former = Notification.objects.filter(
            incident=OuterRef("incident"),
            channel=OuterRef("channel"),
            pk__lt=OuterRef("pk"),
            status__in=Notification.UNENDED,
        )
        due = Q(status=Status.WAITING, not_before__lte=clock) | self.is_abandoned()
        is_awake = Q(channel__rests_until=None) | Q(channel__rests_until__lte=clock)
        rows = self.list_rows(ids).filter(due, is_awake, ~Exists(_list_called(OuterRef("channel"))))
        return rows.exclude(Q(incident__isnull=False) & Exists(former)).order_by("not_before", "id")

    def list_waiting(self) -> QuerySet[Notification]:
        """List what waits and is due; what waits for a channel that is switched off is not late."""
        return super().list_waiting().filter(channel__is_enabled=True)

    def claim(
        self, limit: int = 1, ids: Iterable[int] | None = None, moment: dt.datetime | None = None
    ) -> list[Notification]:
        """Claim the next message that is due, now or at an instant; it is sent alone, however many are asked for."""
        row = self._claim_next(ids, moment)
        return [row] if row else []

    @transaction.atomic
    def _claim_next(self, ids: Iterable[int] | None, moment: dt.datetime | None) -> Notification | None:
        passed: set[int] = set()
        due = _lock(self.list_due(ids, moment))
        while row := due.exclude(channel__in=passed).first():
            if not (_is_put_off(row, moment or now()) or _is_called(row.channel_id, passed)):
                self.take([row])
                return row
        return None

    @transaction.atomic
    def claim_given(self, pk: int) -> Notification | None:
        """Claim a message that a person asked for, in quiet hours too; None where somebody sends it already."""
        row = _lock(Notification.objects.filter(pk=pk, status=Status.WAITING)).first()
        return self.take([row])[0] if row else None

    def take(self, rows: Sequence[Notification]) -> list[Notification]:
        """Take locked rows under a lease, and note with those of a crashed sender that they may have arrived."""
        for row in rows:
            if row.status == Status.WORKING:
                _note(row, "unknown", _LOST, now())
                row.save(update_fields=["history"])
        return super().take(rows)

    def give_up(self, row: Notification) -> Outcome[Notification]:
        """End a message whose senders crashed each time."""
        _note(row, "unknown", self.died, now())
        return Outcome(row, Status.DEAD, Permanent(self.died), {"history": row.history})

    # Sending

    def work(
        self, ids: Iterable[int] | None = None, *, seconds: float = 240, goes_on: Callable[[], object] = lambda: None
    ) -> int:
        """Send what is due for so many seconds at most; return how many messages were tried.

        Each receiver is called by a thread of its own, so that a slow one keeps nobody else's messages: while any is
        being called, what others should hear is sent, for as long again. Any number of senders may be at it. The
        threads call the outside and nothing else; rows are read and written here.
        """
        chosen = None if ids is None else list(ids)
        begun, tried = time.monotonic(), 0
        called: dict[Future[str], Notification] = {}
        self.bury()
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=self.name) as pool:
            while True:
                left = begun + (2 * seconds if called else seconds) - time.monotonic()
                while left > 0 and len(called) < _AT_ONCE and (rows := self.claim(1, chosen)):
                    tried += 1
                    if not self.ends_unsent(rows[0], now()):
                        called[pool.submit(deliver, rows[0])] = rows[0]
                if not called:
                    return tried
                for answer in wait(called, _LOOK_AGAIN_SECONDS, FIRST_COMPLETED).done:
                    self.finish(called.pop(answer), answer.result)
                goes_on()

    def send(self, row: Notification) -> None:
        """Send a claimed message and write down what came of it, unless a later sender has it by now."""
        if not self.ends_unsent(row, now()):
            self.finish(row, partial(deliver, row))

    def ends_unsent(self, row: Notification, moment: dt.datetime) -> bool:
        """End a claimed message that is not needed any more; return whether it was one."""
        if why := _find_needless(row, moment):
            self._end(row, Status.SKIPPED, Permanent(why), moment)
        return bool(why)

    def finish(self, row: Notification, send: Callable[[], str], moment: dt.datetime | None = None) -> None:
        """Send, and write down what came of it, at an instant or now; a later sender's outcome stays."""
        try:
            receipt = send()
        except Permanent as error:
            self._end(row, Status.DEAD, error, moment or now())
        except WorkError as error:
            self._put_off(row, error, moment or now())
        except Exception as error:
            logger.exception("A message could not be sent: notification %s", row.pk)
            self._put_off(row, Retryable(f"Unforeseen {type(error).__name__}."), moment or now())
        else:
            self._end(row, Status.SENT, None, moment or now(), receipt)

    @transaction.atomic
    def _end(
        self, row: Notification, status: str, error: WorkError | None, moment: dt.datetime, receipt: str = ""
    ) -> None:
        _note(row, str(status), error.message if error else receipt, moment)
        sent_at = moment if status == Status.SENT else None
        if self.hold([row]):
            self.write([Outcome(row, status, error, {"history": row.history, "sent_at": sent_at})])
            if sent_at:
                Channel.objects.filter(pk=row.channel_id).update(failures=0, rests_until=None)

    @transaction.atomic
    def _put_off(self, row: Notification, error: WorkError, moment: dt.datetime) -> None:
        """Try again later, in no quiet hours; where no attempt is left, the message has failed."""
        _note(row, error.kind, error.message, moment)
        pause = self.find_pause(row, error, row.attempts)
        values: dict[str, Any] = {"history": row.history}
        not_before = None
        if pause is not None:
            values["retry_at"] = moment + dt.timedelta(seconds=pause)
            not_before = _find_moment(row, values["retry_at"])
        status = Status.DEAD if pause is None else Status.WAITING
        if self.hold([row]):
            self.write([Outcome(row, status, error, values, not_before)])
            if row.what != What.TEST:
                rest = min(self.policy.compute_pause(row.channel.failures + 1), _LONGEST_REST)
                Channel.objects.filter(pk=row.channel_id).update(failures=F("failures") + 1, rests_until=moment + rest)


NOTIFICATIONS = Notifications()


def send_waiting(seconds: float) -> int:
    """Send what is due, the longest waiting first, for so many seconds at most; return how many were tried."""
    return NOTIFICATIONS.work(seconds=seconds)


def ring_if_waiting() -> None:
    """Ring where something is due: lost bells, dead senders, retries and the ends of quiet hours."""
    if NOTIFICATIONS.list_due().exists():
        BELL.ring()


def _lock(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    return rows.select_for_update(skip_locked=True, of=("self",)).select_related("channel", "incident")


def _list_called(channel: Any) -> QuerySet[Notification]:
    """List what is being sent to a channel by somebody who is alive."""
    return Notification.objects.filter(channel=channel, status=Status.WORKING, lease_expires_at__gte=Now())


def _is_put_off(row: Notification, moment: dt.datetime) -> bool:
    """Put off a message whose quiet hours began while it waited; return whether it was one."""
    not_before = _find_moment(row, moment)
    if not_before <= moment:
        return False
    Notification.objects.filter(pk=row.pk).update(not_before=not_before)
    return True


def _find_moment(row: Notification, moment: dt.datetime) -> dt.datetime:
    """Return from when on a message may be sent, by the rules by which it is told."""
    severity = row.incident.severity if row.incident else str(row.message.get("severity", ""))
    return find_moment(Rule.objects.filter(pk__in=row.rules) if row.rules else (), severity, moment)


def _is_called(channel: int, passed: set[int]) -> bool:
    """Return whether somebody calls a channel; if not, nobody takes a message of it before this transaction is over."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('alerts.sending'), %s)", [channel])
        (is_first,) = cursor.fetchone()
    if is_first and not _list_called(channel).exists():
        return False
    passed.add(channel)
    return True


def _find_needless(row: Notification, moment: dt.datetime) -> str:
    """Say why a message is not needed; empty where it is."""
    if not row.channel.is_enabled:
        return "The channel is switched off."
    if row.incident and row.what == What.REMINDER and (row.incident.resolved_at or row.incident.is_silent(moment)):
        return "Somebody has it in hand, or it is over."
    if row.incident and row.what == What.RECOVERED:
        story = list_stories([row.incident])[row.incident.pk, row.channel_id]
        if story.opened and story.opened.status == Status.DEAD and not story.may_be_told:
            return "Nothing about its beginning arrived."
    return ""


def _note(row: Notification, outcome: str, said: str, moment: dt.datetime) -> None:
    row.history = [*row.history, {"at": iso(moment), "outcome": outcome, "said": said}][-_LONGEST_HISTORY:]
