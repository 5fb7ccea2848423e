"""Apprise, in a process of its own that may call public addresses and nothing else.

Run as `python -m alerts.providers.courier`: reads one JSON object from standard input, writes one to standard output.
Apprise and the libraries below it resolve names and follow what they are told by themselves, so the only place that
sees where a connection really goes is the interpreter: it asks the guard below before each, with the numeric address.
"""

import json
import logging
import os
import re
import resource
import socket
import sys
import sysconfig
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from alerts.providers.addresses import may_be_called, resolve
from common.errors import Permanent, Retryable

# Those that speak to the machine they run on, not to a service.
LOCAL_SCHEMES = frozenset({"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})
_SPAWNING = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.")
_SECONDS = (5, 10)
# A part of an address that is as long as this may be a key.
_SHORTEST_KEY = 6
_LONGEST_REASON = 300
# Apprise reads answers whole, and unpacks them: what is too long ends this process, and nothing else.
_MOST_MEMORY = 1 << 30
INSIDE = "It leads into this machine or a private network, where nothing is sent."


class Refused(OSError):
    """What the guard does not allow."""


class Ear(logging.Handler):
    """Remembers what Apprise says goes wrong."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a line."""
        self.heard.append(" ".join(record.getMessage().split()))


def guard(*, allow_private: bool) -> list[str]:
    """Allow from here on no connection but to public addresses, no other process and no file but the libraries'.

    Returns a list in which the reasons for refused connections collect.
    """
    refusals: list[str] = []
    homes = tuple(
        os.path.realpath(place) + os.sep for place in {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib")}
    )

    def check(event: str, values: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            try:
                _check_connection(values[0], values[1], allow_private=allow_private)
            except Refused as error:
                refusals.append(str(error))
                raise
        elif event == "open":
            _check_file(values[0], homes)
        elif event.startswith(_SPAWNING):
            raise Refused("No other program is run.")

    sys.addaudithook(check)
    return refusals


def _check_connection(end: socket.socket, address: Any, *, allow_private: bool) -> None:
    if end.family not in {socket.AF_INET, socket.AF_INET6}:
        raise Refused("Only addresses of the internet are called.")
    try:
        fine = may_be_called(str(address[0]), allow_private=allow_private)
    except (ValueError, TypeError):
        # A name here would be resolved after this look at it.
        fine = False
    if not fine:
        raise Refused(INSIDE)


def _check_file(path: Any, homes: tuple[str, ...]) -> None:
    if isinstance(path, int):
        return
    if not os.path.realpath(os.fsdecode(path)).startswith(
        (*homes, "/etc/ssl/", "/usr/share/zoneinfo/", "/dev/urandom")
    ):
        raise Refused("No file is read or written.")


def main() -> None:
    """Do what standard input asks for and answer on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    asked = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        answer = _carry(asked)
    except Permanent as error:
        answer = {"outcome": "refused", "said": error.message}
    json.dump(answer, out)
    out.flush()


def _carry(asked: dict[str, Any]) -> dict[str, Any]:
    notify = _load(asked["url"])
    _check_host(notify, allow_private=asked["allow_private"])
    if asked["action"] == "check":
        return {"outcome": "fine", "said": str(notify.service_name)}
    ear, refusals = Ear(), guard(allow_private=asked["allow_private"])
    logging.getLogger("apprise").addHandler(ear)
    if notify.send(body=asked["text"], title=asked["title"]):
        return {"outcome": "sent", "said": str(notify.service_name)}
    if INSIDE in refusals:
        # Another attempt would lead to the same place.
        raise Permanent(INSIDE)
    heard = dict.fromkeys(refusals or ear.heard)
    why = " ".join(hide_keys(line, asked["url"], _read_host(notify)) for line in heard)[:_LONGEST_REASON]
    return {"outcome": "failed", "said": str(notify.service_name), "why": why}


def hide_keys(text: str, url: str, host: str) -> str:
    """Take whatever may be a key out of a text: all the longer parts of the address but its host."""
    parts = {*re.split(r"[/:@?&=#]+", url), *re.split(r"[/:@?&=#]+", unquote(url))} - {host}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST_KEY:
            text = text.replace(part, "…")
    return text


def _load(url: str) -> Any:
    from apprise import Apprise, AppriseAsset
    from apprise.manager_plugins import NotificationManager

    manager: Any = NotificationManager
    manager = manager()
    known = set(manager.schemas()) - LOCAL_SCHEMES
    scheme = url.partition("://")[0].strip().lower()
    if scheme not in known:
        raise Permanent(
            f"Nothing is sent by “{scheme[:30]}”: give an address of a service that Apprise reaches over the internet."
        )
    manager.enable_only(*known)
    asset = AppriseAsset(http_redirects=False, storage_mode="memory", async_mode=False)
    connect, read = _SECONDS
    mark = "&" if "?" in url else "?"
    notify = Apprise.instantiate(f"{url}{mark}redirect=no&cto={connect}&rto={read}", asset=asset)
    if notify is None:
        raise Permanent(f"Apprise can't read this address for “{scheme}”: look at its page on that service.")
    return notify


def _check_host(notify: Any, *, allow_private: bool) -> None:
    """Refuse at once what leads into a private network, where the service's address names a host and no account."""
    if host := _read_host(notify):
        with suppress(Retryable):
            resolve(host, 443, allow_private=allow_private)


def _read_host(notify: Any) -> str:
    """Return the host that an address names; empty where it names an account of a service."""
    host = getattr(notify, "host", None)
    # It keeps the brackets of an IPv6 address, which no name server knows.
    return host.strip("[]") if "host" in notify.template_tokens and isinstance(host, str) else ""


if __name__ == "__main__":
    main()
