"""The process in which Apprise runs: what it may do there, asked of the process itself."""

import subprocess
import sys

import pytest

from tests.commandline import ROOT

_PREFIX = "import os, socket, subprocess, pathlib, urllib.request\nfrom alerts.providers.courier import guard\n"

REASONS = ("where nothing is sent", "Only addresses of the internet", "No file is read", "No other program")


def attempt(what: str, *, allow_private: bool = False, guarded: bool = True) -> str:
    """Do something in such a process; return the name of the error that it ended with, or nothing."""
    guard = f"guard(allow_private={allow_private})\n" if guarded else ""
    code = f"{_PREFIX}{guard}try:\n    {what}\nexcept BaseException as error:\n    print(type(error).__name__, error)\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "what",
    [
        "socket.create_connection(('127.0.0.1', 9), 1)",
        "socket.create_connection(('localhost', 9), 1)",
        "socket.create_connection(('169.254.169.254', 80), 1)",
        "socket.create_connection(('10.0.0.1', 80), 1)",
        "socket.create_connection(('::1', 9), 1)",
        "socket.socket().connect(('localhost', 9))",
        "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 514))",
        "urllib.request.urlopen('http://2130706433:9/')",
        "open('/etc/passwd')",
        "pathlib.Path('/etc/hostname').read_text()",
        "open('out.txt', 'w')",
        "urllib.request.urlopen('file:///etc/passwd')",
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
    ],
)
def test_what_it_may_not(what: str) -> None:
    said = attempt(what)
    assert any(reason in said for reason in REASONS), said


@pytest.mark.parametrize(
    "what", ["open('/etc/passwd').close()", "os.system('true')", "socket.create_connection(('127.0.0.1', 1), 1)"]
)
def test_without_the_guard_it_could(what: str) -> None:
    """The negative control: what is refused above is refused by the guard alone."""
    said = attempt(what, guarded=False)
    assert not any(reason in said for reason in REASONS), said


def test_loopback_where_it_is_allowed() -> None:
    said = attempt("socket.create_connection(('127.0.0.1', 1), 1)", allow_private=True)
    assert said.startswith("ConnectionRefusedError")
