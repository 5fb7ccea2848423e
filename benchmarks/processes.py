"""The product's processes as a benchmark sees them: how long they took, what they used."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.database import ROOT, run_sql

_TICKS = os.sysconf("SC_CLK_TCK")
# To look through all processes takes time from those that are measured.
_LOOK_EVERY = 1.0
# A backend's time is counted once the server has noticed that it ended.
_REAPED_WITHIN = 0.5
_LISTENS_FOR = 3.0


@dataclass(frozen=True)
class Finished:
    """What a command took: wall time, processor time of it and its workers, the largest worker's memory."""

    seconds: float
    cpu_seconds: float
    worker_megabytes: float
    output: str


def run_command(arguments: Sequence[str], environment: Mapping[str, str]) -> Finished:
    """Run a Python command of the product to its end, watching the memory of its worker processes.

    Raises RuntimeError when it fails.
    """
    before, clock, peak = _children_cpu(), time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as file:
        command, settings = [sys.executable, *arguments], {**os.environ, **environment}
        # As installed software is: what it imports is compiled once.
        settings.pop("PYTHONDONTWRITEBYTECODE", None)
        process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=file, stderr=subprocess.STDOUT)
        while not _has_ended(process, _LOOK_EVERY):
            peak = max([peak, *(_peak_megabytes(pid) for pid in _children(process.pid))])
        file.seek(0)
        output = file.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments[:3])} ended with status {process.returncode}:\n{output[-4000:]}")
    return Finished(time.perf_counter() - clock, _children_cpu() - before, peak, output)


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a process, no longer than so."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


def bill_month(month: str, environment: Mapping[str, str], *flags: str) -> Finished:
    """Bill a month with two worker processes, as the command line does."""
    job = ["manage.py", "run_job", "monthly-billing", "--wait", "--workers", "2", "--month", month]
    return run_command([*job, *flags], environment)


def database_cpu_seconds(url: str) -> float:
    """The processor time that the database server has used so far, in all its processes."""
    server = int(run_sql(url, "SELECT pg_read_file('postmaster.pid')").split()[0])
    time.sleep(_REAPED_WITHIN)
    own = _stat(server)
    return (sum(own[11:15]) + sum(sum(_stat(pid)[11:13]) for pid in _children(server))) / _TICKS


def measure_busy_cores() -> float:
    """Listen for a while to how many of the machine's cores are busy."""
    before, clock = _busy_ticks(), time.perf_counter()
    time.sleep(_LISTENS_FOR)
    return (_busy_ticks() - before) / _TICKS / (time.perf_counter() - clock)


def _busy_ticks() -> int:
    user, nice, system, _idle, _waiting, *rest = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return user + nice + system + sum(rest)


def cpu_seconds(pid: int) -> float:
    """The processor time that one process has used so far."""
    return sum(_stat(pid)[11:13]) / _TICKS


def family_cpu_seconds(pid: int) -> float:
    """The processor time that a process and its children have used so far."""
    return cpu_seconds(pid) + sum(map(cpu_seconds, _children(pid)))


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _children(parent: int) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        if _stat(pid)[1:2] == [parent]:
            yield pid


def _stat(pid: int) -> list[int]:
    """The numbers of /proc/PID/stat after the name and the state's letter; none where the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [0, *map(int, fields[1:])]


def _peak_megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0
