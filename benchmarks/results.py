"""A bucket of result files of which nobody was told, read in one run."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.database import ROOT, Servers, run_file, run_sql, temporary_database
from benchmarks.processes import Finished, cpu_seconds, database_cpu_seconds, run_command
from benchmarks.report import Table, rate

_BUCKET, _CREATORS = "shelf", 1_000
_RUN = ["manage.py", "run_job", "ingest-results", "--wait"]
# What must be there in the end, once: each file in state done, an event of each, a version of every second.
_COUNTS = """
    SELECT (SELECT count(*) FROM onlyfans_resultfile WHERE status = 'done'), (SELECT count(*) FROM onlyfans_resultfile),
        (SELECT count(*) FROM analytics_event), (SELECT count(*) FROM onlyfans_earningsrevision),
        (SELECT count(*) FROM onlyfans_unmatchedaggregate)
"""


def measure(files: int) -> list[Table]:
    """Measure with so many files, in a database of its own."""
    with temporary_database() as servers, _serving(files) as (url, pid):
        run_command(["manage.py", "migrate", "--verbosity", "0"], servers.environment)
        run_file(servers.database_url, "creators.sql", {"creators": _CREATORS})
        environment = {
            **servers.environment,
            "RESULTS_BUCKET": _BUCKET,
            "RESULTS_REGION": "us-east-1",
            "RESULTS_ENDPOINT": url,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
        }
        rows = [_run(name, servers, environment, files, pid) for name in ("nobody told of any", "all are known")]
    return [_tabulate(rows, files)]


@contextmanager
def _serving(files: int) -> Iterator[tuple[str, int]]:
    """Serve so many files from a process of its own; yields its address and its number."""
    command = [sys.executable, "-m", "tests.onlyfans.results.shelf", str(files), "mixed"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.kill()


def _run(name: str, servers: Servers, environment: dict[str, str], files: int, pid: int) -> list[str]:
    before = database_cpu_seconds(servers.database_url), cpu_seconds(pid)
    done = run_command(_RUN, environment)
    database, bucket = database_cpu_seconds(servers.database_url) - before[0], cpu_seconds(pid) - before[1]
    found = run_sql(servers.database_url, _COUNTS)
    if found != (right := f"{files}|{files}|{files}|{files // 2}|0"):
        raise RuntimeError(f"{found} came of the files instead of {right}")
    return [name, f"{done.seconds:.1f}", rate(files, done.seconds), *_shares(done, database, bucket)]


def _shares(done: Finished, database: float, bucket: float) -> list[str]:
    shares = [f"{100 * used / done.seconds:.0f} %" for used in (done.cpu_seconds, database, bucket)]
    return [*shares, f"{done.worker_megabytes:.0f}"]


def _tabulate(rows: list[list[str]], files: int) -> Table:
    columns = ("", "seconds", "files/s", "CPU: product", "database", "stand-in", "MB")
    return Table(
        f"Result files read with `ingest-results` from a bucket of {files:,}",
        columns,
        rows,
        [
            f"One run each time, from the command line to its end: {files:,} files listed, and those that are missing "
            "read, checked and written. Every one is done, with its event, and a version of earnings of every second.",
            f"Fans and earnings of {_CREATORS:,} creators in turns. The bucket is a stand-in without a delay, which "
            "makes each file when it is asked for. CPU of 100 % is one core; MB is the worker's peak.",
        ],
    )
