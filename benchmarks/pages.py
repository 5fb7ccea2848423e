"""The admin's pages with many rows behind them."""

import json
from statistics import quantiles

from benchmarks.compute import FIRST_DAY
from benchmarks.database import run_file, temporary_database
from benchmarks.processes import run_command
from benchmarks.report import Table, judge

_VISITS = 100
_MOST_MILLISECONDS = 150
_MEASURED = ("run page", "invoice list")


def measure(rows: int) -> list[Table]:
    """Measure in a database of its own with `rows` items in a run and as many invoices."""
    with temporary_database() as servers:
        run_command(["manage.py", "migrate", "--verbosity", "0"], servers.environment)
        run_file(servers.database_url, "plans.sql")
        tenth = {"first": 1, "last": rows // 10, "hours": 1, "month": FIRST_DAY}
        run_file(servers.database_url, "month.sql", tenth)
        run_file(servers.database_url, "pages.sql", {"rows": rows, "month": FIRST_DAY})
        environment = servers.environment | {"METRICS_TOKEN": "benchmark-of-pages", "REQUIRE_TWO_FACTOR": "0"}
        done = run_command(["-m", "benchmarks.visits", str(_VISITS)], environment)
        times: dict[str, list[float]] = json.loads(done.output.splitlines()[-1])
    return [_tabulate(times, rows)]


def _tabulate(times: dict[str, list[float]], rows: int) -> Table:
    middle, late = ({name: quantiles(of, n=20)[place] for name, of in times.items()} for place in (9, 18))
    slowest = max(milliseconds for name, milliseconds in late.items() if name.startswith(_MEASURED))
    return Table(
        f"Pages with {rows:,} items and {rows:,} invoices",
        ("", "median, ms", "95th percentile, ms"),
        [[name, f"{middle[name]:.0f}", f"{late[name]:.0f}"] for name in times],
        [
            f"**{slowest:.0f} ms at the 95th percentile** on the slowest of the run page and the invoice list (aim: "
            f"below {_MOST_MILLISECONDS} ms; {judge(slowest < _MOST_MILLISECONDS)}).",
            f"Server time of {_VISITS} visits each as a superuser: middleware, queries and templates, without network.",
        ],
    )
