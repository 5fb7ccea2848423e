"""Taking S3's notifications from their queue: a message is deleted once what it tells is a row, never before."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError

from common.errors import Misconfigured
from onlyfans.models import ResultFile
from onlyfans.providers.notifications import NotANotification
from onlyfans.providers.queue import Message, Queue
from onlyfans.services.results.taking import keep_unreadable, take_notification

logger = logging.getLogger(__name__)
_DOOR = ResultFile.Door.SQS
_LONGEST_POLL_SECONDS = 60


def open_queue() -> Queue:
    """Open the queue that settings name; Misconfigured where they name none."""
    if not settings.RESULTS_QUEUE_URL:
        raise Misconfigured("RESULTS_QUEUE_URL is not set, so there is no queue of result files to ask.")
    return Queue(settings.RESULTS_QUEUE_URL, settings.RESULTS_REGION, settings.RESULTS_ENDPOINT)


def poll_queue() -> int:
    """Take in what lies in the queue until it is empty, for a minute at most; return how many messages that were."""
    queue, until, taken = open_queue(), time.monotonic() + _LONGEST_POLL_SECONDS, 0
    try:
        while time.monotonic() < until and (count := take_messages(queue, wait_seconds=0)):
            taken += count
    finally:
        queue.close()
    return taken


def take_messages(
    queue: Queue, wait_seconds: int, receive_by: Callable[[Queue, int], list[Message]] | None = None
) -> int:
    """Take in up to ten messages, waiting for the first, and delete them; return how many that were.

    What can't be read is kept as a dead letter and deleted, too. Whatever goes wrong before a row is committed leaves
    the message where it is, and it comes again.
    """
    messages = (receive_by or receive)(queue, wait_seconds)
    if messages:
        # Each for itself: those before one that fails are rows by then, and are deleted.
        done: list[Message] = []
        try:
            for message in messages:
                _take(message)
                done.append(message)
        finally:
            queue.delete(done)
    return len(messages)


def receive(queue: Queue, wait_seconds: int) -> list[Message]:
    """Receive up to ten messages, hidden from others for as long as settings say."""
    return queue.receive(wait_seconds, settings.RESULTS_QUEUE_SECONDS)


def _take(message: Message) -> None:
    try:
        take_notification(message.body, _DOOR)
    except (OperationalError, InterfaceError, Misconfigured):
        raise
    except Exception as error:
        # Whatever it is, it would be the same the next time.
        foreseen = isinstance(error, NotANotification)
        logger.warning(
            "Message %s of the queue of result files is kept as a dead letter", message.id, exc_info=not foreseen
        )
        why = str(error) if foreseen else f"Unforeseen {type(error).__name__}."
        keep_unreadable(message.body, why, _DOOR)
