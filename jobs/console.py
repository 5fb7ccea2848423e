"""The command line's way of running a job: start it, work on it here with several processes, show how far it is."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from django.core.management.base import CommandError
from django.db import connections
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from common import tracing
from common.commands import SOME_FAILED, SUCCESS
from jobs.engine import work
from jobs.models import JobRun

_LOOK_EVERY = 0.2
_LINE_EVERY = 5.0


def exit_status(run: JobRun) -> int:
    """Return the status with which a command that waited for a run ends."""
    fine = run.status in {JobRun.Status.SUCCEEDED, JobRun.Status.NOTHING_TO_DO}
    return SUCCESS if fine else SOME_FAILED


# How much is done, and of how much in all; 0 where nobody knows.
Measure = Callable[[], tuple[int, int]]


def work_and_watch(run: JobRun, workers: int, out: TextIO, measure: Measure | None = None) -> JobRun:
    """Work on a run with several processes until it has ended, showing progress; return it as it ended.

    Progress counts the run's items, or what `measure` counts.

    Other workers may help; this one waits for theirs. Ctrl-C leaves the run to whoever works on it next.
    """
    connections.close_all()
    processes = [_spawn(run.pk) for _ in range(workers)]
    try:
        with _progress(run, out, measure or _count_items(run)) as show:
            while any(process.is_alive() for process in processes):
                time.sleep(_LOOK_EVERY)
                run.refresh_from_db()
                show(run)
            run.refresh_from_db()
            show(run)
    except KeyboardInterrupt:
        raise CommandError(f"Interrupted. {run} goes on when a worker or its sweep picks it up.") from None
    finally:
        for process in processes:
            process.terminate()
            process.join()
    for follower in run.reruns.filter(trigger=JobRun.Trigger.JOB, status__in=JobRun.ACTIVE):
        work(follower.pk, wait=True)
    if run.is_active:
        raise CommandError(f"The worker processes ended before {run} did; its sweep or a rerun goes on with it.")
    return run


def _spawn(run_id: int) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=_work, args=(run_id, os.getpid()), daemon=True)
    process.start()
    return process


def _work(run_id: int, parent: int) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getppid() == parent:
        work(run_id, wait=True)
        tracing.flush()


@contextmanager
def _progress(run: JobRun, out: TextIO, measure: Measure) -> Iterator[Callable[[JobRun], None]]:
    if not out.isatty():
        yield _lines(out, measure)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=out)) as bar:
        task = bar.add_task(str(run), total=None)

        def show(now: JobRun) -> None:
            failed = f"[red]{now.failed} failed" if now.failed else str(now)
            done, total = measure()
            bar.update(task, total=max(total, done) or None, completed=done, description=failed)

        yield show


def _count_items(run: JobRun) -> Measure:
    # The run is read again between two looks.
    return lambda: (run.ended, run.expected)


def _lines(out: TextIO, measure: Measure) -> Callable[[JobRun], None]:
    state: dict[str, Any] = {"at": 0.0, "done": -1}

    def show(run: JobRun) -> None:
        late = time.monotonic() - state["at"] >= _LINE_EVERY
        done, total = measure()
        if done != state["done"] and (late or not run.is_active):
            out.write(f"{run}: {done} of {max(total, done)} ({run.failed} failed)\n")
            out.flush()
            state.update(at=time.monotonic(), done=done)

    return show


def default_output() -> TextIO:
    """Progress goes beside the result, so that the result can be piped."""
    return sys.stderr
