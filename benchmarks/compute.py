"""Computing and finalizing a month, between the least that the database asks for and what one would write first."""

import json
from dataclasses import dataclass, field

from benchmarks.database import Servers, run_file, run_sql, temporary_database
from benchmarks.processes import Finished, bill_month, database_cpu_seconds, run_command
from benchmarks.report import Table, judge, rate

MONTH = "2026-10"
FIRST_DAY = f"{MONTH}-01"
HOURS_A_METER = 4
_SAMPLE = 500
_MOST_TIMES_FLOOR, _LEAST_TIMES_LOOP, _MOST_MEGABYTES = 4, 10, 500
_RESULT = "SELECT count(*) || ' ' || coalesce(sum(total_cents), 0) FROM billing_invoice WHERE number IS NOT NULL"


@dataclass
class Way:
    """One way to bill, measured more than once; the best counts, for what disturbs only ever slows down."""

    invoices: int
    seconds: list[float] = field(default_factory=list)
    python_seconds: list[float] = field(default_factory=list)
    database_seconds: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def per_second(self) -> float:
        return self.invoices / self.best

    def row(self, name: str, floor: "Way") -> list[str]:
        """The way as a row of the table."""
        all_seconds = ", ".join(f"{seconds:.1f}" for seconds in self.seconds)
        times = floor.per_second / self.per_second
        used = [f"{1e6 * min(of) / self.invoices:,.0f}" for of in (self.python_seconds, self.database_seconds)]
        return [name, f"{self.invoices:,}", all_seconds, rate(self.invoices, self.best), f"{times:.1f}", *used]


def measure(organizations: int) -> list[Table]:
    """Measure in a database of its own; `organizations` is how many are billed at most."""
    with temporary_database() as servers:
        environment = servers.environment
        run_command(["manage.py", "migrate", "--verbosity", "0"], environment)
        run_file(servers.database_url, "plans.sql")
        quarter = organizations // 4
        load_month(servers, 1, quarter)
        small = bill_month(MONTH, environment, "--no-deliver")
        run_file(servers.database_url, "empty.sql")
        load_month(servers, quarter + 1, organizations)
        ours, floor, loop = Way(organizations), Way(organizations), Way(min(_SAMPLE, quarter))
        large = _measure_in_turn(servers, ours, floor, loop)
        lines = run_sql(servers.database_url, "SELECT count(*) FROM kept.line")
        return [_speed(ours, floor, loop, int(lines)), _memory({quarter: small, organizations: large})]


def load_month(servers: Servers, first: int, last: int) -> None:
    """Load organizations with a month to bill."""
    run_file(
        servers.database_url,
        "month.sql",
        {"first": first, "last": last, "hours": HOURS_A_METER, "month": FIRST_DAY},
    )


def _measure_in_turn(servers: Servers, ours: Way, floor: Way, loop: Way) -> Finished:
    """Measure the three ways in turn, twice, each from empty tables; return our first run."""
    runs = []
    for turn in range(2):
        expected = _run_loop(servers, loop, first=1 + turn * loop.invoices)
        runs.append(_run_ours(servers, ours))
        _compare_sample(servers, 1 + turn * loop.invoices, loop.invoices, expected)
        if turn == 0:
            run_file(servers.database_url, "keep.sql")
        _run_floor(servers, floor)
    return runs[0]


def _run_loop(servers: Servers, loop: Way, first: int) -> int:
    """Measure the loop; return the sum of its totals."""
    run_file(servers.database_url, "empty.sql")
    before = database_cpu_seconds(servers.database_url)
    done = run_command(["-m", "benchmarks.loop", MONTH, str(first), str(loop.invoices)], servers.environment)
    found = json.loads(done.output.splitlines()[-1])
    loop.seconds.append(found["seconds"])
    loop.python_seconds.append(found["cpu_seconds"])
    loop.database_seconds.append(database_cpu_seconds(servers.database_url) - before)
    return int(found["total_cents"])


def _run_ours(servers: Servers, ours: Way) -> Finished:
    run_file(servers.database_url, "empty.sql")
    before = database_cpu_seconds(servers.database_url)
    done = bill_month(MONTH, servers.environment, "--no-deliver")
    took = "SELECT extract(epoch FROM finished_at - created_at) FROM jobs_jobrun ORDER BY id DESC LIMIT 1"
    ours.seconds.append(float(run_sql(servers.database_url, took)))
    ours.python_seconds.append(done.cpu_seconds)
    ours.database_seconds.append(database_cpu_seconds(servers.database_url) - before)
    issued = int(run_sql(servers.database_url, _RESULT).split()[0])
    if issued != ours.invoices:
        raise RuntimeError(f"{issued} of {ours.invoices} invoices were issued:\n{done.output}")
    return done


def _compare_sample(servers: Servers, first: int, count: int, expected: int) -> None:
    """Make sure that the loop and the product come to the same amounts."""
    ids = f"BETWEEN 'org_b{first:08}' AND 'org_b{first + count - 1:08}'"
    found = run_sql(servers.database_url, f"SELECT sum(total_cents) FROM billing_invoice WHERE organization_id {ids}")
    if int(found) != expected:
        raise RuntimeError(f"The loop billed {expected} cents, the product {found}.")


def _run_floor(servers: Servers, floor: Way) -> None:
    ours = run_sql(servers.database_url, _RESULT)
    run_file(servers.database_url, "empty.sql")
    before = database_cpu_seconds(servers.database_url)
    times = run_file(servers.database_url, "floor.sql").splitlines()
    floor.seconds.append(sum(float(line.split()[1]) for line in times if line.startswith("Time:")) / 1000)
    floor.python_seconds.append(0.0)
    floor.database_seconds.append(database_cpu_seconds(servers.database_url) - before)
    if run_sql(servers.database_url, _RESULT) != ours:
        raise RuntimeError("The floor did not write the same invoices.")


def _speed(ours: Way, floor: Way, loop: Way, lines: int) -> Table:
    times_floor, times_loop = ours.best / floor.best, ours.per_second / loop.per_second
    return Table(
        "Computing and finalizing a month",
        ("", "invoices", "seconds", "invoices/s", "× the floor's time", "CPU µs each: Python", "database"),
        [
            floor.row("floor: the same rows, one `INSERT … SELECT` a table", floor),
            ours.row("`run_job monthly-billing`, two workers", floor),
            loop.row("a loop over the ORM, one process, on a sample", floor),
        ],
        [
            f"**{times_floor:.1f} × the floor's time** (aim: at most {_MOST_TIMES_FLOOR}; "
            f"{judge(times_floor <= _MOST_TIMES_FLOOR)}); **{times_loop:.0f} × the loop's speed** (aim: at least "
            f"{_LEAST_TIMES_LOOP}; {judge(times_loop >= _LEAST_TIMES_LOOP)}).",
            f"The month: {ours.invoices:,} organizations, {ours.invoices * 5 // 2:,} creators, "
            f"{ours.invoices * 15:,} aggregates, three meters each with {HOURS_A_METER} hours "
            f"({ours.invoices * 3 * HOURS_A_METER:,} rows); {lines:,} lines came of it, each with its explanation.",
            "The floor copies the finished rows of a run (items, invoices, lines with their explanations, statements) "
            "from bare tables into the emptied real ones, with all indexes, checks, foreign keys and triggers, in "
            "`psql`, one statement a table, one transaction, one connection. It reads no figures and computes nothing, "
            "and writes each row once, where the product writes an item three times and an invoice twice.",
            "The product's time is its run's, from the row that starts it to its summary: items written, claimed, "
            "computed, finalized, numbered and counted. The loop's time leaves out Python's start. All three begin "
            "with empty tables, take turns twice, and the best time of each counts; the sample's amounts are compared.",
            "CPU is what Python (its start included) and the database server used, for an invoice.",
        ],
    )


def _memory(runs: dict[int, Finished]) -> Table:
    peaks = [done.worker_megabytes for done in runs.values()]
    return Table(
        "Memory of a billing worker",
        ("organizations", "peak of the larger worker, MB"),
        [[f"{count:,}", f"{done.worker_megabytes:.0f}"] for count, done in runs.items()],
        [
            f"Aim: below {_MOST_MEGABYTES} MB ({judge(max(peaks) < _MOST_MEGABYTES)}) and flat as the month grows: "
            f"{peaks[-1] - peaks[0]:+.0f} MB for four times the organizations. "
            "It is the kernel's own peak (VmHWM), memory shared with the parent included."
        ],
    )
