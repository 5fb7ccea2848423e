"""Whether this process is alive, and whether the product can do its work: each thing that must hold, by name."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from huntaze.broker import get_broker
from huntaze.queues import list_work
from jobs.selectors import get_tick_age

PATIENCE_SECONDS = 2.0
LONGEST_WITHOUT_TICK = 90
_LONGEST_WAIT = 300


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one thing holds, and a sentence about it that anybody may read."""

    ok: bool
    why: str


Found = dict[str, Check]


@dataclass(eq=False)
class _Answer:
    found: Found = field(default_factory=dict)
    is_complete: threading.Event = field(default_factory=threading.Event)


class Question:
    """Something asked in a thread of its own, so that what hangs keeps nobody waiting and at most one thread."""

    def __init__(self, names: tuple[str, ...], ask: Callable[[Found], None]) -> None:
        self.names = names
        self._ask = ask
        self._lock = threading.Lock()
        self._pending: _Answer | None = None

    def begin(self) -> _Answer:
        """Ask, unless the answer to an earlier asking is still awaited: then wait for that one."""
        with self._lock:
            if self._pending is None or self._pending.is_complete.is_set():
                self._pending = _Answer()
                threading.Thread(target=self._run, args=[self._pending], name="readiness", daemon=True).start()
            return self._pending

    def _run(self, answer: _Answer) -> None:
        try:
            self._ask(answer.found)
        except Exception as error:
            why = Check(False, f"Does not answer as it should ({type(error).__name__}).")
            answer.found |= {name: why for name in self.names if name not in answer.found}
        finally:
            connection.close()
            answer.is_complete.set()


def check_readiness(without: Iterable[str] = ()) -> Found:
    """Check everything at the same time, within about two seconds; what has not answered by then does not hold."""
    asked = [(question, question.begin()) for question in QUESTIONS]
    until = time.monotonic() + PATIENCE_SECONDS
    found: Found = {}
    for question, answer in asked:
        answer.is_complete.wait(max(0.0, until - time.monotonic()))
        silent = Check(False, f"No answer within {PATIENCE_SECONDS:g} seconds.")
        found |= {name: answer.found.get(name, silent) for name in question.names}
    return {name: check for name, check in found.items() if name not in set(without)}


def _ask_database(found: Found) -> None:
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    found["database"] = Check(True, f"Answered in {(time.monotonic() - began) * 1000:.0f} ms.")
    found["migrations"] = _check_migrations()
    if found["migrations"].ok:
        found["scheduler"] = _check_ticks({name: get_tick_age(name) for name in ("sweep", "tick")})
        found["work"] = _check_work()
    else:
        unknown = Check(False, "Not known before the migrations are applied.")
        found |= {"scheduler": unknown, "work": unknown}


def _check_migrations() -> Check:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return Check(not missing, f"{missing} to be applied." if missing else "All applied.")


def _check_ticks(ages: Mapping[str, float | None]) -> Check:
    known = {name: age for name, age in ages.items() if age is not None}
    if missing := sorted(ages.keys() - known.keys()):
        return Check(False, f"Never ran: {', '.join(missing)}. Start beat, and a worker for the queue default.")
    late = {name: age for name, age in known.items() if age > LONGEST_WITHOUT_TICK}
    if late:
        said = ", ".join(f"{name} {age:.0f} seconds ago" for name, age in late.items())
        return Check(False, f"Ran last: {said}. Is beat running, and a worker for the queue default?")
    return Check(True, f"Ticked {max(*known.values(), 0):.0f} seconds ago.")


def _check_work() -> Check:
    """Judge what nobody attends to: a large run whose items wait while others are in hand is as it should be."""
    late: dict[str, float] = {}
    for work in list_work():
        if not work.attended and work.seconds > max(_LONGEST_WAIT, late.get(work.queue, 0)):
            late[work.queue] = work.seconds
    if not late:
        return Check(True, "Nothing waits longer than it should.")
    said = ", ".join(f"{name} for {seconds / 60:.0f} minutes" for name, seconds in sorted(late.items()))
    return Check(False, f"Work that nobody takes waits in the queues: {said}.")


def _ask_broker(found: Found) -> None:
    began = time.monotonic()
    get_broker().ping()
    found["broker"] = Check(True, f"Answered in {(time.monotonic() - began) * 1000:.0f} ms.")


QUESTIONS: tuple[Question, ...] = (
    Question(("broker",), _ask_broker),
    Question(("database", "migrations", "scheduler", "work"), _ask_database),
)


def describe(found: Mapping[str, Check]) -> dict[str, object]:
    """Write what was found as JSON values."""
    checks = {name: {"ok": check.ok, "why": check.why} for name, check in found.items()}
    return {"ready": all(check.ok for check in found.values()), "checks": checks}
