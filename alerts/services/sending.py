"""Sending: a row is claimed and committed, then the call is made, then its outcome is committed.

Where a sender dies or can't know the outcome, the message is sent again under the same reference.
"""

import datetime as dt
import logging
import random
import time
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from alerts.models import Channel, Notification
from alerts.services.delivering import deliver
from alerts.services.ringing import is_due
from common.clock import iso, now
from common.errors import Permanent, Retryable, WorkError

logger = logging.getLogger(__name__)
Status, What = Notification.Status, Notification.What
_LONGEST_HISTORY = 30
_LONGEST_REST = dt.timedelta(minutes=5)


def send_waiting(seconds: float) -> int:
    """Send what is due, the longest waiting first, for so many seconds at most; return how many were tried.

    Any number of senders may be at it. A channel that just failed is left alone for a while, so that a receiver that
    answers nobody does not keep what others should hear waiting.
    """
    deadline = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < deadline and (row := claim()):
        carry_out(row)
        tried += 1
    return tried


@transaction.atomic
def claim(pk: int | None = None) -> Notification | None:
    """Take the next message that is due, or a given one that waits, for a while; None where there is none.

    The token tells this sender from later ones.
    """
    former = Notification.objects.filter(
        incident=OuterRef("incident"),
        channel=OuterRef("channel"),
        pk__lt=OuterRef("pk"),
        status__in=Notification.UNENDED,
    )
    waiting = Notification.objects.select_for_update(skip_locked=True, of=("self",)).select_related("channel")
    if pk is None:
        awake = Q(channel__rests_until=None) | Q(channel__rests_until__lte=Now())
        # What became of something is told in its order.
        waiting = waiting.filter(is_due(), awake).exclude(Q(incident__isnull=False) & Exists(former))
    else:
        waiting = waiting.filter(pk=pk, status=Status.PENDING)
    row = waiting.order_by("not_before", "id").first()
    if row is None:
        return None
    if row.status == Status.SENDING:
        _note(row, "unknown", "Whoever sent it died before writing down what came of it; it is sent again.")
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
    try:
        if not row.channel.is_enabled:
            _end(row, Status.SKIPPED, "The channel is switched off.")
            return
        if row.attempts > settings.ALERTS_MAX_ATTEMPTS:
            # Whoever tried died each time: it may be this very message.
            _end(row, Status.FAILED, "Its senders died: nobody knows whether it arrived.")
            return
        receipt = deliver(row)
    except Permanent as error:
        _end(row, Status.FAILED, error.message)
    except WorkError as error:
        _put_off(row, error)
    except Exception as error:
        logger.exception("A message could not be sent: notification %s", row.pk)
        _put_off(row, Retryable(f"Unforeseen {type(error).__name__}."))
    else:
        _end(row, Status.SENT, "", receipt)


def _note(row: Notification, outcome: str, said: str) -> None:
    row.history = [*row.history, {"at": iso(now()), "outcome": outcome, "said": said}][-_LONGEST_HISTORY:]


@transaction.atomic
def _end(row: Notification, status: str, error: str, receipt: str = "") -> None:
    _note(row, str(status), error or receipt)
    sent_at = now() if status == Status.SENT else None
    if _write(row, status=status, error=error, sent_at=sent_at) and status == Status.SENT:
        Channel.objects.filter(pk=row.channel_id).update(failures=0, rests_until=None)


@transaction.atomic
def _put_off(row: Notification, error: WorkError) -> None:
    """Try again later, after growing pauses; so many attempts in vain, and it has failed."""
    _note(row, error.kind, error.message)
    if row.attempts >= (1 if row.what == What.TEST else settings.ALERTS_MAX_ATTEMPTS):
        written = _write(row, status=Status.FAILED, error=error.message)
    else:
        pause = _pause(row.attempts, getattr(error, "retry_after", None))
        written = _write(row, status=Status.PENDING, error=error.message, not_before=now() + pause)
    if written and row.what != What.TEST:
        rest = min(_pause(row.channel.failures + 1, None), _LONGEST_REST)
        Channel.objects.filter(pk=row.channel_id).update(failures=F("failures") + 1, rests_until=now() + rest)


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
