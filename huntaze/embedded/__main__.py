"""`python -m huntaze.embedded`: the embedded servers by hand."""

import argparse
import os
import sys
from pathlib import Path

from huntaze import embedded

_DEFAULT_DATA_DIR = Path(__file__).resolve().parents[2] / ".data"


def _start(data_dir: Path) -> None:
    embedded.ensure(data_dir)
    _status(data_dir)


def _status(data_dir: Path) -> None:
    for server in embedded.status(data_dir):
        print(f"{server.name:10}{'running' if server.is_running else 'stopped':10}{server.url}  {server.home}")


def _url(data_dir: Path) -> None:
    addresses = embedded.addresses(data_dir)
    print(f"DATABASE_URL={addresses.database_url}\nREDIS_URL={addresses.redis_url}")


def _psql(data_dir: Path) -> None:
    psql = str(embedded.binaries() / "psql")
    os.execv(psql, [psql, embedded.ensure(data_dir).database_url])  # noqa: S606 - the terminal becomes psql's


_COMMANDS = {
    "start": (_start, "start what does not run"),
    "stop": (embedded.stop, "stop both servers"),
    "status": (_status, "say what runs, and where"),
    "url": (_url, "print the addresses as environment variables"),
    "psql": (_psql, "open the database in psql, starting it if need be"),
    "reset": (embedded.reset, "stop both servers and delete their data"),
}


def main() -> None:
    """Parse the command line and do what it asks."""
    parser = argparse.ArgumentParser(prog="python -m huntaze.embedded", description="The embedded servers by hand.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (function, description) in _COMMANDS.items():
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument("--data-dir", type=Path, default=_DEFAULT_DATA_DIR, help="default: %(default)s")
        command.set_defaults(function=function)
    arguments = parser.parse_args()
    try:
        arguments.function(arguments.data_dir)
    except embedded.EmbeddedError as error:
        sys.exit(f"embedded: {error}")


if __name__ == "__main__":
    main()
