"""Where a change comes from: through which door, from which network address, in which request."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.conf import settings

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d{1,5})?|(?P<v4>[\d.]+):\d{1,5}")


class Door(StrEnum):
    """The ways in."""

    ADMIN = "admin"
    API = "api"
    COMMAND = "command"
    JOB = "job"


@dataclass
class Origin:
    """One call through a door. Whoever authenticates a machine puts its name into `who`."""

    door: Door
    address: str = ""
    request_id: str = ""
    who: str = ""
    # How many audit entries were written in it.
    entries: int = field(default=0, compare=False)


_current: ContextVar[Origin | None] = ContextVar("origin", default=None)


def get_origin() -> Origin:
    """Return where the present change comes from: what nobody opened a door for is done by a job."""
    return _current.get() or Origin(Door.JOB)


@contextmanager
def coming_from(origin: Origin) -> Iterator[Origin]:
    """Let whatever is changed in the block come from there."""
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)


def read_address(meta: Mapping[str, Any]) -> str:
    """Return the caller's network address; empty where there is none, as on a Unix socket.

    Only the header named by `CLIENT_ADDRESS_HEADER` is believed, and of a list in it only the entry that the outermost
    of `TRUSTED_PROXIES` wrote, counted from its end: what stands further left, the caller wrote.
    """
    direct = _plain(str(meta.get("REMOTE_ADDR", "")))
    header = settings.CLIENT_ADDRESS_HEADER
    if not header:
        return direct
    given = str(meta.get(f"HTTP_{header.upper().replace('-', '_')}", "")).split(",")
    place = len(given) - settings.TRUSTED_PROXIES
    return (_plain(given[place]) if place >= 0 else "") or direct


def _plain(text: str) -> str:
    """Return a numeric address as it is compared; some proxies write a port behind it, or brackets around it."""
    written = text.strip()
    if found := _WITH_PORT.fullmatch(written):
        written = found["v6"] or found["v4"]
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address).split("%", maxsplit=1)[0]
