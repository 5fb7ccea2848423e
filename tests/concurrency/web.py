"""The web server in a child of the driver, which dies at the effect that a request asks for, with all its processes."""

import json
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

from tests.concurrency.effects import Effects, watch

# What a request says: at which effect of it the server is to die; and how it is told which there were.
DIE_AT, EFFECTS = "x-die-at", "x-effects"
CARELESS_AGGREGATES, CARELESS_RESULTS = "/careless/of-aggregates", "/careless/of-results"
_effects = Effects({})


def serve(spec: dict[str, Any]) -> None:
    """Serve at a `port` until somebody kills the server."""
    from granian import Granian
    from granian.constants import Interfaces

    os.setsid()
    watch(_effects, {})
    Granian(
        "tests.concurrency.web:application",
        port=spec["port"],
        interface=Interfaces.WSGI,
        websockets=False,
        blocking_threads=2,
        log_enabled=False,
    ).serve()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve as in production, but for what the request asks for besides."""
    from huntaze.wsgi import application

    _effects.begin_anew({int(environ.get("HTTP_X_DIE_AT", 0)): _die_all})
    _effects.happen("asked")
    told: list[Any] = []

    def keep(*given: Any) -> None:
        told[:] = given

    serving = _CARELESS.get(environ["PATH_INFO"], application)
    body = b"".join(serving(environ, keep))
    _effects.happen("answered")
    status, headers, *rest = told
    start_response(status, [*headers, (EFFECTS, json.dumps(_effects.names))], *rest)
    return [body]


def _die_all() -> None:
    """Be killed together with the server's other processes."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _take_rows_carelessly(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Take rows in as somebody in a hurry would: first a note that they came, then what they say."""
    from common.clock import Month
    from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision

    for row in json.loads(environ["wsgi.input"].read()):
        creator = CreatorAccount.objects.get(onlyfans_user_id=row["userId"])
        month, gross, net = Month.parse(row["month"]).first_day, row["grossCents"], row["netCents"]
        values = {"currency": "USD", "parts": {"uncategorized": [gross, net]}, "received_at": row["receivedAt"]}
        mark = f"{gross:032}"
        notes = EarningsRevision.objects.filter(creator=creator, month=month)
        _, is_new = notes.get_or_create(creator=creator, month=month, fingerprint=mark, defaults=values)
        if is_new:
            stands = EarningsAggregate.objects.filter(creator=creator, month=month)
            stands.update(gross_cents=gross, net_cents=net)
    start_response("200 OK", [])
    return [b"{}"]


_told: list[bytes] = []


def _take_files_carelessly(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer at once, and write down later what one was told: at the next call."""
    from onlyfans.models import ResultFile
    from onlyfans.services.results import take_notification

    while _told:
        take_notification(_told.pop(), ResultFile.Door.HTTP)
    _told.append(environ["wsgi.input"].read())
    start_response("202 Accepted", [])
    return [b"{}"]


_CARELESS = {CARELESS_AGGREGATES: _take_rows_carelessly, CARELESS_RESULTS: _take_files_carelessly}
