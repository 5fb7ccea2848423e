"""The dashboards with two years of data behind them."""

import json
from statistics import quantiles
from typing import Any

from benchmarks.compute import FIRST_DAY
from benchmarks.database import run_file, run_sql, temporary_database
from benchmarks.processes import run_command
from benchmarks.report import Table, judge

_VISITS = 60
_MONTHS, _DAYS, _CATEGORIES = 24, 730, 7
_MOST_MILLISECONDS = 200


def measure(creators: int) -> list[Table]:
    """Measure in a database of its own with so many creators."""
    with temporary_database() as servers:
        run_command(["manage.py", "migrate", "--verbosity", "0"], servers.environment)
        values = {"creators": creators, "months": _MONTHS, "days": _DAYS, "month": FIRST_DAY}
        run_file(servers.database_url, "dashboards.sql", values)
        environment = servers.environment | {"REQUIRE_TWO_FACTOR": "0"}
        done = run_command(["-m", "benchmarks.look", str(_VISITS)], environment)
        found: dict[str, Any] = json.loads(done.output.splitlines()[-1])
        rows = int(run_sql(servers.database_url, "SELECT count(*) FROM analytics_revenuerollup"))
    return [_tabulate(found, creators, rows)]


def _tabulate(found: dict[str, Any], creators: int, rows: int) -> Table:
    times: dict[str, list[float]] = found["times"]
    middle, late = ({name: quantiles(of, n=20)[place] for name, of in times.items()} for place in (9, 18))
    slowest = max(late.values())
    first, again = found["seconds"]
    facts = creators * _MONTHS * _CATEGORIES
    return Table(
        f"Dashboards of {creators:,} creators over {_MONTHS} months",
        ("", "median, ms", "95th percentile, ms"),
        [[name, f"{middle[name]:.0f}", f"{late[name]:.0f}"] for name in times],
        [
            f"**{slowest:.0f} ms at the 95th percentile** on the slowest (aim: below {_MOST_MILLISECONDS} ms; "
            f"{judge(slowest < _MOST_MILLISECONDS)}). Server time of {_VISITS} visits each, as above.",
            f"Behind them: {facts:,} rows of earnings, added up to {rows:,} in {first:.1f} s; "
            f"compared with them in {again:.1f} s; {creators * _DAYS // 10:,} creators' days; a week of snapshots.",
        ],
    )
