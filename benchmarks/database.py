"""A database of the benchmarks' own on the embedded server, and what is measured inside it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from huntaze import embedded

ROOT = Path(__file__).resolve().parent.parent
SQL = Path(__file__).resolve().parent / "sql"
_NAME = "bench"
_REDIS_DATABASE = 7


@dataclass(frozen=True)
class Servers:
    """Where the benchmarks' database and shared memory are."""

    database_url: str
    redis_url: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process of the product needs to use them as in production: debugging costs time and memory."""
        return {
            "DJANGO_SETTINGS_MODULE": "huntaze.settings",
            "DEBUG": "0",
            "ALLOWED_HOSTS": "localhost",
            "BASE_URL": "https://localhost",
            "SECRET_KEY": "for-benchmarks-only-" + "0123456789abcdef" * 4,
            "ENCRYPTION_KEYS": "Zm9yLWJlbmNobWFya3Mtb25seS0wMTIzNDU2Nzg5MDE=",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "LOG_LEVEL": "WARNING",
        }


@contextmanager
def temporary_database() -> Iterator[Servers]:
    """Make the database for the time of the block; a former one that was left behind goes first."""
    addresses = embedded.ensure(ROOT / ".data")
    server = addresses.database_url
    run_sql(server, f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
    run_sql(server, f"CREATE DATABASE {_NAME}")
    redis_url = f"{addresses.redis_url.rsplit('/', 1)[0]}/{_REDIS_DATABASE}"
    try:
        yield Servers(urlsplit(server)._replace(path=f"/{_NAME}").geturl(), redis_url)
    finally:
        run_sql(server, f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")


def run_sql(url: str, command: str) -> str:
    """Run SQL in psql and return what it prints, unaligned."""
    return _psql(url, "-c", command)


def run_file(url: str, name: str, variables: Mapping[str, object] | None = None) -> str:
    """Run one of the SQL files here in psql, with psql's variables, and return what it prints."""
    given = [part for key, value in (variables or {}).items() for part in ("-v", f"{key}={value}")]
    return _psql(url, *given, "-f", str(SQL / name))


def _psql(url: str, *arguments: str) -> str:
    program = embedded.binaries() / "psql"
    result = subprocess.run(
        [program, url, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PGOPTIONS": "--client-min-messages=warning"},
    )
    if result.returncode:
        raise RuntimeError(f"psql failed: {result.stderr.strip()}")
    return result.stdout.strip()
