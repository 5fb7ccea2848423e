"""Sending: a row is claimed and committed, then the call is made, then its outcome is committed.

Where a sender dies or can't know the outcome, the message is sent again under the same reference.
"""

import datetime as dt
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from alerts.models import Channel, Notification, Rule
from alerts.selectors import list_stories
from alerts.services.delivering import deliver
from alerts.services.planning import find_moment
from alerts.services.ringing import clock, is_due
from common.clock import iso, now
from common.errors import Permanent, Retryable, WorkError

logger = logging.getLogger(__name__)
Status, What = Notification.Status, Notification.What
_LONGEST_HISTORY = 30
_LONGEST_REST = dt.timedelta(minutes=5)
# So many receivers are called at the same time, and what others should hear meanwhile is looked for so often.
_AT_ONCE, _LOOK_AGAIN_SECONDS = 50, 0.5


def send_waiting(seconds: float) -> int:
    """Send what is due, the longest waiting first, for so many seconds at most; return how many were tried.

    Each receiver is called by a thread of its own, so that a slow one keeps nobody else's messages: while any is being
    called, what others should hear is sent, for as long again. Any number of senders may be at it. A channel that just
    failed is left alone for a while. The threads call the outside and nothing else; rows are read and written here.
    """
    begun, tried = time.monotonic(), 0
    called: dict[Future[str], Notification] = {}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="alerts") as pool:
        while True:
            left = begun + (2 * seconds if called else seconds) - time.monotonic()
            while left > 0 and len(called) < _AT_ONCE and (row := claim()):
                tried += 1
                if not ends_unsent(row, now()):
                    called[pool.submit(deliver, row)] = row
            if not called:
                return tried
            for answer in wait(called, _LOOK_AGAIN_SECONDS, FIRST_COMPLETED).done:
                finish(called.pop(answer), answer.result)


@transaction.atomic
def claim(pk: int | None = None, moment: dt.datetime | None = None) -> Notification | None:
    """Take the next message that is due, or a given one that waits, for a while; None where there is none.

    Neither quiet hours are broken nor a channel that is being called, but for a message that is asked for. The token
    tells this sender from later ones.
    """
    passed: set[int] = set()
    while row := _find_next(passed, moment) if pk is None else _find_given(pk):
        if pk is not None or not (_is_put_off(row, moment or now()) or _is_called(row.channel_id, passed)):
            return _take(row)
    return None


def _find_next(passed: set[int], moment: dt.datetime | None) -> Notification | None:
    former = Notification.objects.filter(
        incident=OuterRef("incident"),
        channel=OuterRef("channel"),
        pk__lt=OuterRef("pk"),
        status__in=Notification.UNENDED,
    )
    awake = Q(channel__rests_until=None) | Q(channel__rests_until__lte=clock(moment))
    waiting = _lock().filter(is_due(moment), awake, ~Exists(_list_called(OuterRef("channel"))))
    # What became of something is told in its order.
    waiting = waiting.exclude(Q(incident__isnull=False) & Exists(former)).exclude(channel__in=passed)
    return waiting.order_by("not_before", "id").first()


def _find_given(pk: int) -> Notification | None:
    return _lock().filter(pk=pk, status=Status.PENDING).first()


def _lock() -> QuerySet[Notification]:
    return Notification.objects.select_for_update(skip_locked=True, of=("self",)).select_related("channel", "incident")


def _list_called(channel: Any) -> QuerySet[Notification]:
    """List what is being sent to a channel by somebody who is alive."""
    return Notification.objects.filter(channel=channel, status=Status.SENDING, lease_expires_at__gte=Now())


def _is_put_off(row: Notification, moment: dt.datetime) -> bool:
    """Put a message off that has come into quiet hours while it waited; tell whether it was one."""
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
    """Tell whether somebody calls a channel; if not, nobody takes a message of it before this transaction is over."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('alerts.sending'), %s)", [channel])
        (is_first,) = cursor.fetchone()
    if is_first and not _list_called(channel).exists():
        return False
    passed.add(channel)
    return True


def _take(row: Notification) -> Notification:
    if row.status == Status.SENDING:
        _note(row, "unknown", "Whoever sent it died before writing down what came of it; it is sent again.", now())
    row.status, row.token, row.attempts = Status.SENDING, row.token + 1, row.attempts + 1
    Notification.objects.filter(pk=row.pk).update(
        status=row.status,
        token=row.token,
        attempts=row.attempts,
        history=row.history,
        # By the clock of the database, which all senders share.
        lease_expires_at=Now() + dt.timedelta(seconds=settings.ALERTS_LEASE_SECONDS),
    )
    return row


def carry_out(row: Notification) -> None:
    """Send a claimed message and write down what came of it, unless a later sender has it by now."""
    if not ends_unsent(row, now()):
        finish(row, partial(deliver, row))


def ends_unsent(row: Notification, moment: dt.datetime) -> bool:
    """End a claimed message that is not to be sent; tell whether it was one."""
    if why := _find_needless(row, moment):
        _end(row, Status.SKIPPED, why, moment)
    elif row.attempts > settings.ALERTS_MAX_ATTEMPTS:
        # Whoever tried died each time: it may be this very message.
        _end(row, Status.FAILED, "Its senders died: nobody knows whether it arrived.", moment)
    else:
        return False
    return True


def _find_needless(row: Notification, moment: dt.datetime) -> str:
    """Say why a message is not needed; empty where it is."""
    if not row.channel.is_enabled:
        return "The channel is switched off."
    if row.incident and row.what == What.REMINDER and (row.incident.resolved_at or row.incident.is_silent(moment)):
        return "Somebody has it in hand, or it is over."
    if row.incident and row.what == What.RECOVERED:
        story = list_stories([row.incident])[row.incident.pk, row.channel_id]
        if story.opened and story.opened.status == Status.FAILED and not story.may_be_told:
            return "Nothing about its beginning arrived."
    return ""


def finish(row: Notification, send: Callable[[], str], moment: dt.datetime | None = None) -> None:
    """Send, and write down what came of it, at an instant or now; a later sender's outcome stays."""
    try:
        receipt = send()
    except Permanent as error:
        _end(row, Status.FAILED, error.message, moment or now())
    except WorkError as error:
        _put_off(row, error, moment or now())
    except Exception as error:
        logger.exception("A message could not be sent: notification %s", row.pk)
        _put_off(row, Retryable(f"Unforeseen {type(error).__name__}."), moment or now())
    else:
        _end(row, Status.SENT, "", moment or now(), receipt)


def _note(row: Notification, outcome: str, said: str, moment: dt.datetime) -> None:
    row.history = [*row.history, {"at": iso(moment), "outcome": outcome, "said": said}][-_LONGEST_HISTORY:]


@transaction.atomic
def _end(row: Notification, status: str, error: str, moment: dt.datetime, receipt: str = "") -> None:
    _note(row, str(status), error or receipt, moment)
    sent_at = moment if status == Status.SENT else None
    if _write(row, status=status, error=error, sent_at=sent_at) and status == Status.SENT:
        Channel.objects.filter(pk=row.channel_id).update(failures=0, rests_until=None)


@transaction.atomic
def _put_off(row: Notification, error: WorkError, moment: dt.datetime) -> None:
    """Try again later, after growing pauses and in no quiet hours; so many attempts in vain, and it has failed."""
    _note(row, error.kind, error.message, moment)
    if row.attempts >= (1 if row.what == What.TEST else settings.ALERTS_MAX_ATTEMPTS):
        written = _write(row, status=Status.FAILED, error=error.message)
    else:
        retry_at = moment + _pause(row.attempts, getattr(error, "retry_after", None))
        not_before = _find_moment(row, retry_at)
        written = _write(row, status=Status.PENDING, error=error.message, retry_at=retry_at, not_before=not_before)
    if written and row.what != What.TEST:
        rest = min(_pause(row.channel.failures + 1, None), _LONGEST_REST)
        Channel.objects.filter(pk=row.channel_id).update(failures=F("failures") + 1, rests_until=moment + rest)


def _pause(attempts: int, asked: float | None) -> dt.timedelta:
    """How long to wait after so many attempts: three times as long each time, a little more or less by chance."""
    longest = settings.ALERTS_RETRY_MAX_SECONDS
    seconds = min(settings.ALERTS_RETRY_BASE_SECONDS * 3 ** min(attempts - 1, 20), longest)
    spread = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
    return dt.timedelta(seconds=max(seconds * spread, asked or 0))


def _write(row: Notification, **values: Any) -> bool:
    """Write the outcome, unless somebody else took the message meanwhile."""
    mine = Notification.objects.filter(pk=row.pk, token=row.token, status=Status.SENDING)
    return bool(mine.update(history=row.history, lease_expires_at=None, **values))
