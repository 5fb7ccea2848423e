"""Under which account PostgreSQL runs: it refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from huntaze.embedded.errors import EmbeddedError

_UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Account:
    """The account that runs a server; `uid` is None for the caller's own."""

    uid: int | None = None
    gid: int | None = None

    def run(self, *command: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command under this account, with an environment that holds nothing of the caller's."""
        return subprocess.run(  # noqa: S603 - programs of the wheel, arguments of ours
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def can_write(self, directory: Path) -> bool:
        """Whether the account reaches the directory and may create files in it."""
        return self.uid is None or self.run("/bin/sh", "-c", 'test -w "$0/."', directory).returncode == 0

    def can_run(self, program: Path) -> bool:
        """Whether the account reaches the program and what it loads."""
        if self.uid is None:
            return True
        try:
            return self.run(program, "--version").returncode == 0
        except OSError:
            return False

    def take(self, path: Path) -> None:
        """Make the account the owner of a file or directory of ours."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def account_for(home: Path) -> Account:
    """The account for a server with this home: the caller's own, but never root's."""
    if os.geteuid() != 0:
        return Account()
    try:
        owner = home.stat().st_uid
    except FileNotFoundError:
        owner = 0
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as error:
        raise EmbeddedError(f"PostgreSQL can't run as root and the account of {home} is unknown ({error}).") from None
    return Account(entry.pw_uid, entry.pw_gid)
