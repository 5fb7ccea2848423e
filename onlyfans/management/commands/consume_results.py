"""Take S3's notifications of result files from their queue until told to stop."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from common.commands import refuse
from common.errors import Misconfigured, Retryable
from onlyfans.providers.queue import Message, Queue
from onlyfans.services.results.consuming import open_queue, receive, take_messages

_WAIT_SECONDS = 20
_LONGEST_PAUSE_SECONDS = 30.0


class Stopped(BaseException):
    """Somebody asked for the end while there was nothing in hand; no library takes it for a failure of its own."""


class Command(BaseCommand):
    """Waits for messages and writes their files down; workers read them."""

    help = "Take in what S3 tells of result files (RESULTS_QUEUE_URL), until SIGTERM or Ctrl-C."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ends = threading.Event()
        self._is_waiting = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the longest wait."""
        parser.add_argument(
            "--wait", type=int, default=_WAIT_SECONDS, help="seconds to wait for a message, at most 20 (default)"
        )
        parser.add_argument("--once", action="store_true", help="end as soon as the queue is empty")

    def handle(self, *args: Any, **options: Any) -> None:
        """Consume until told to stop."""
        if not 0 <= options["wait"] <= _WAIT_SECONDS:
            raise refuse(f"--wait: give a number from 0 to {_WAIT_SECONDS}.")
        try:
            queue = open_queue()
        except Misconfigured as error:
            raise refuse(error.message) from None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._say("waiting for messages", options)
        try:
            self._consume(queue, 0 if options["once"] else options["wait"], once=options["once"])
        except Stopped:
            pass
        finally:
            queue.close()
        self._say("stopped", options)

    def _say(self, text: str, options: dict[str, Any]) -> None:
        if options["verbosity"]:
            self.stdout.write(f"consume_results: {text}")
            self.stdout.flush()

    def _consume(self, queue: Queue, wait: int, *, once: bool) -> None:
        pause = 1.0
        while not self._ends.is_set():
            try:
                count = take_messages(queue, wait, self._receive)
            except (Retryable, Misconfigured, OperationalError, InterfaceError) as error:
                self.stderr.write(f"consume_results: {error}".strip())
                self._ends.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                pause = 1.0
                if once and not count:
                    return

    def _receive(self, queue: Queue, wait: int) -> list[Message]:
        self._is_waiting = True
        try:
            messages = receive(queue, wait)
        finally:
            self._is_waiting = False
        # Whatever became of the connection during the wait.
        close_old_connections()
        return messages

    def _stop(self, number: int, frame: object) -> None:
        """End after what is in hand; at once where that is nothing but a wait, for what comes by then comes again."""
        self._ends.set()
        if self._is_waiting:
            raise Stopped
