"""The event log with very many events in it: its pages, and how fast more are recorded."""

import json
import time
from statistics import quantiles

from benchmarks.database import run_file, temporary_database
from benchmarks.processes import database_cpu_seconds, run_command
from benchmarks.report import Table, judge, rate

_VISITS = 100
_ROUNDS, _BATCHES = 10, (1_000, 5_000)
_MOST_MILLISECONDS = 150


def measure(events: int) -> list[Table]:
    """Measure in a database of its own that holds `events` events of 25 months."""
    with temporary_database() as servers:
        run_command(["manage.py", "migrate", "--verbosity", "0"], servers.environment)
        clock = time.perf_counter()
        run_file(servers.database_url, "events.sql", {"rows": events})
        filled = time.perf_counter() - clock
        environment = servers.environment | {"REQUIRE_TWO_FACTOR": "0"}
        done = run_command(["-m", "benchmarks.log_visits", "pages", str(_VISITS)], environment)
        times: dict[str, list[float]] = json.loads(done.output.splitlines()[-1])
        rows = []
        for batch in _BATCHES:
            before = database_cpu_seconds(servers.database_url)
            done = run_command(["-m", "benchmarks.log_visits", "record", str(batch), str(_ROUNDS)], environment)
            used = database_cpu_seconds(servers.database_url) - before
            rows.append(_row(batch, json.loads(done.output.splitlines()[-1]), used))
    return [_pages(times, events, filled), _recording(rows, events)]


def _pages(times: dict[str, list[float]], events: int, filled: float) -> Table:
    middle, late = ({name: quantiles(of, n=20)[place] for name, of in times.items()} for place in (9, 18))
    slowest = max(late.values())
    return Table(
        f"The event log with {events:,} events",
        ("", "median, ms", "95th percentile, ms"),
        [[name, f"{middle[name]:.0f}", f"{late[name]:.0f}"] for name in times],
        [
            f"**{slowest:.0f} ms at the 95th percentile** on the slowest page (aim: below {_MOST_MILLISECONDS} ms; "
            f"{judge(slowest < _MOST_MILLISECONDS)}).",
            "25 months in as many partitions, 1,000 organizations of which the largest has a fifth of all, 20,000 "
            f"creators, 41 names, filled in {filled:.0f} s. Server time of {_VISITS} visits each as a superuser.",
        ],
    )


def _row(batch: int, found: dict[str, float], database_seconds: float) -> list[str]:
    count = batch * _ROUNDS
    used = [1e6 * found["python_seconds"] / count, 1e6 * database_seconds / count]
    cells = [rate(count, found["new_seconds"]), rate(count, found["known_seconds"]), *(f"{each:.0f}" for each in used)]
    return [f"{batch:,}", *cells]


def _recording(rows: list[list[str]], events: int) -> Table:
    return Table(
        f"Recording into a log of {events:,} events",
        ("events a call", "new, events/s", "known already, events/s", "CPU µs each: Python", "database"),
        rows,
        [
            f"`record_events`, one process, {_ROUNDS} calls with a commit each; then the same again, which records "
            "nothing. Making the events counts; CPU is that of both together, and Python's start is left out.",
        ],
    )
