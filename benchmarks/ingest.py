"""Earnings taken in over HTTP, row by row and by the thousand, beside what PostgreSQL and a bare view need for it."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.database import ROOT, SQL, Servers, run_file, run_sql, temporary_database
from benchmarks.http import SECRET, serving
from benchmarks.processes import database_cpu_seconds, family_cpu_seconds, run_command
from benchmarks.report import Table, judge
from huntaze import embedded

_PATH, _HEADERS = "/api/ingest/of-aggregates", {"x-cron-secret": SECRET}
_CREATORS, _BATCH, _ROUNDS = 50_000, 1_000, 3
# So many single rows are sent for each row of the batches.
_SINGLES_SHARE = 20
_CONNECTIONS_FOR_SINGLES, _CONNECTIONS_FOR_BATCHES = 16, 4
_AIM_PERCENT, _AIM_ROWS = 70, 30_000
_CATEGORIES = ("subscriptions", "tips", "messages", "posts", "streams", "referrals", "chargebacks")


@dataclass
class Measured:
    """Rows a second in each round, and the processor time that a row took: of the server, of the database."""

    rates: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    database_us: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return median(self.rates)

    @property
    def cpu_us(self) -> float:
        return median(self.server_us) + median(self.database_us)


def measure(rows: int) -> list[Table]:
    """Measure with `rows` rows a round in batches, and a twentieth of them one by one."""
    singles = max(rows // _SINGLES_SHARE, _CONNECTIONS_FOR_SINGLES)
    with temporary_database() as servers, tempfile.TemporaryDirectory() as folder:
        run_command(["manage.py", "migrate", "--verbosity", "0"], servers.environment)
        run_file(servers.database_url, "creators.sql", {"creators": _CREATORS})
        poster = Poster(servers, Path(folder) / "bodies")
        with serving(servers) as (poster.port, poster.server):
            one_by_one = _measure_singles(poster, singles)
            by_thousands = _measure_batches(poster, rows)
        kept = int(run_sql(servers.database_url, "SELECT count(*) FROM onlyfans_earningsrevision"))
    return [_tabulate_singles(one_by_one, singles), _tabulate_batches(by_thousands, rows, kept)]


@dataclass
class Poster:
    """Sends bodies to the product, and statements to the database."""

    servers: Servers
    file: Path
    port: int = 0
    server: int = 0

    def post(self, measured: Measured, path: str, bodies: Sequence[Any], rows: int, connections: int) -> None:
        """Send bodies that hold so many rows in all."""
        self.file.write_text("\n".join(json.dumps(body) for body in bodies))
        job = {
            "port": self.port, "path": path, "headers": _HEADERS, "bodies": str(self.file), "connections": connections,
        }  # fmt: skip
        before = self._look()
        command = [sys.executable, "-m", "benchmarks.posting"]
        done = subprocess.run(command, cwd=ROOT, input=json.dumps(job), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{path}: {done.stderr.strip()[-2000:]}")
        measured.rates.append(rows / float(done.stdout))
        self._note(measured, before, rows)

    def run(self, measured: Measured, script: str, times: int, rows: int, connections: int) -> None:
        """Let pgbench run a statement so many times, each of so many rows."""
        command = [
            str(embedded.binaries() / "pgbench"), "--no-vacuum", "--protocol", "prepared", "--jobs", "1",
            "--client", str(connections), "--transactions", str(max(1, times // connections)),
            "--define", f"creators={_CREATORS}", "--file", str(SQL / script), self.servers.database_url,
        ]  # fmt: skip
        before = self._look()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        if done.returncode or not found:
            raise RuntimeError(f"pgbench failed: {done.stderr.strip()[-2000:]}")
        measured.rates.append(float(found[1]) * rows)
        self._note(measured, before, rows * times)

    def _look(self) -> tuple[float, float]:
        return family_cpu_seconds(self.server), database_cpu_seconds(self.servers.database_url)

    def _note(self, measured: Measured, before: tuple[float, float], rows: int) -> None:
        server, database = (1e6 * (now - then) / rows for now, then in zip(self._look(), before, strict=True))
        measured.server_us.append(server)
        measured.database_us.append(database)


def _row(place: int, month: str, cents: int, *, split: bool = False) -> dict[str, Any]:
    figures: dict[str, Any] = {"grossCents": cents, "netCents": cents * 8 // 10}
    figures = {"categories": dict.fromkeys(_CATEGORIES, figures)} if split else figures
    return {"userId": f"of_{place % _CREATORS + 1}", "month": month, "currency": "USD", **figures}


def _measure_singles(poster: Poster, count: int) -> dict[str, Measured]:
    floor, bare, ours = (Measured() for _ in range(3))
    for turn in range(_ROUNDS + 1):
        cents = 1_000 * (turn + 1)
        poster.run(floor, "upsert.sql", count, 1, _CONNECTIONS_FOR_SINGLES)
        rows = [_row(place * 7, "2026-08", cents + place) for place in range(count)]
        known = [{**row, "creator": place * 7 % _CREATORS + 1} for place, row in enumerate(rows)]
        poster.post(bare, "/bare-earnings", known, count, _CONNECTIONS_FOR_SINGLES)
        poster.post(ours, _PATH, [{**row, "month": "2026-09"} for row in rows], count, _CONNECTIONS_FOR_SINGLES)
    return _without_first({"floor": floor, "bare": bare, "ours": ours})


def _measure_batches(poster: Poster, count: int) -> dict[str, Measured]:
    names = ("floor", "created", "updated", "unchanged", "seven")
    found = {name: Measured() for name in names}
    for turn in range(_ROUNDS + 1):
        month = f"20{10 + turn}-01"
        poster.run(found["floor"], "upsert_many.sql", count // _BATCH, _BATCH, _CONNECTIONS_FOR_BATCHES)
        for name, cents in (("created", 500), ("updated", 900), ("unchanged", 900)):
            poster.post(found[name], _PATH, list(_batches(count, month, cents)), count, _CONNECTIONS_FOR_BATCHES)
        bodies = list(_batches(count, f"19{90 + turn}-01", 500, split=True))
        poster.post(found["seven"], _PATH, bodies, count, _CONNECTIONS_FOR_BATCHES)
    return _without_first(found)


def _batches(count: int, month: str, cents: int, *, split: bool = False) -> Iterator[list[dict[str, Any]]]:
    # Twice the creators are two months, so that every row of a round is a month of its own.
    year, _, number = month.partition("-")
    for part in batched(range(count), _BATCH):
        at = f"{year}-{int(number) + part[0] // _CREATORS:02}"
        yield [_row(place, at, cents + place, split=split) for place in part]


def _without_first(found: dict[str, Measured]) -> dict[str, Measured]:
    """Leave out the first round, in which everything is cold."""
    for measured in found.values():
        del measured.rates[0], measured.server_us[0], measured.database_us[0]
    return found


def _line(name: str, measured: Measured, of: float) -> list[str]:
    share = f"{100 * measured.rate / of:.0f}"
    used = (f"{median(of):,.0f}" for of in (measured.server_us, measured.database_us))
    return [name, f"{measured.rate:,.0f}", share, *used]


def _tabulate_singles(found: dict[str, Measured], count: int) -> Table:
    floor, bare, ours = (found[name] for name in ("floor", "bare", "ours"))
    share = 100 * median(of / beside for of, beside in zip(ours.rates, bare.rates, strict=True))
    return Table(
        "Earnings taken in, one row a call",
        ("", "rows/s", "% of the bare view", "CPU µs a row: server", "database"),
        [
            _line("floor: `pgbench`, one upsert", floor, bare.rate),
            _line("a bare view: one upsert", bare, bare.rate),
            _line(f"`{_PATH}`", ours, bare.rate),
        ],
        [
            f"**{share:.0f} % of the bare view** (aim: at least {_AIM_PERCENT} %; {judge(share >= _AIM_PERCENT)}); "
            f"by the processor time that a call takes of server and database, {100 * bare.cpu_us / ours.cpu_us:.0f} %.",
            f"{count:,} calls a round over {_CONNECTIONS_FOR_SINGLES} connections, {_ROUNDS} rounds in turns, medians; "
            f"{_CREATORS:,} creators. The first of them is a warm-up for each and not counted.",
            "The floor and the bare view write the aggregate and nothing else, the bare view (DRF, behind the same "
            "middleware) by `bulk_create` with `update_conflicts`, for a creator whose key it is told. The product "
            "finds the creator, keeps the version, decides which stands, projects it and leaves an audit entry.",
        ],
    )


def _tabulate_batches(found: dict[str, Measured], count: int, kept: int) -> Table:
    floor = found["floor"].rate
    created, updated = (found[name].rate for name in ("created", "updated"))
    return Table(
        "Earnings taken in, a thousand rows a call",
        ("", "rows/s", "% of the floor", "CPU µs a row: server", "database"),
        [
            _line("floor: `pgbench`, one upsert of 1,000 rows", found["floor"], floor),
            _line("new months, totals", found["created"], floor),
            _line("other figures, totals", found["updated"], floor),
            _line("the same again", found["unchanged"], floor),
            _line("new months, seven categories each", found["seven"], floor),
        ],
        [
            f"**{created:,.0f} new and {updated:,.0f} changed rows a second** (aim: at least {_AIM_ROWS:,}; "
            f"{judge(min(created, updated) >= _AIM_ROWS)}). By processor time alone, the machine's cores could take "
            f"in {1e6 * (os.cpu_count() or 1) / found['created'].cpu_us:,.0f} new ones.",
            f"{count:,} rows a round over {_CONNECTIONS_FOR_BATCHES} connections, {_ROUNDS} rounds, medians; the whole "
            f"path: HTTP, secret, checks of each row, versions, projection, audit entry, an outcome a row. The caller "
            f"shares the machine's cores. {kept:,} versions were kept in all.",
            "A row of the floor is one upsert of the aggregate from generated figures; a row of the product is read "
            "from JSON and written twice, as a version and as what stands; with seven categories, eight times.",
        ],
    )
