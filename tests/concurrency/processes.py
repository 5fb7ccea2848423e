"""The driver of these tests, run as `python -m tests.concurrency.processes`: it forks workers that may die.

It has everything loaded that a worker needs, and neither a thread nor a connection when it forks. It is asked in
lines of JSON, each a list of children to let loose together, and answers in lines how each ended.
"""

import datetime as dt
import json
import multiprocessing
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BytesIO
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import Any

import django

from tests.concurrency import careless, earnings_deeds, event_deeds, result_deeds, snapshot_deeds, web

_PATIENCE = 60.0
# Beyond a lease, and what others need to do the sleeper's work.
_LONGEST_SLEEP = 3.0
# Whoever has not fallen asleep by then may be waiting for a lock that a sleeper holds.
_LONGEST_WAIT = 5.0

Spec = dict[str, Any]


def main() -> None:
    """Answer until there is nobody left who asks."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    django.setup()
    careless.declare()
    snapshot_deeds.declare()
    _warm_up()
    for line in sys.stdin:
        print(json.dumps(_let_loose(json.loads(line))), file=out, flush=True)


def _warm_up() -> None:
    """Let the libraries load what they load at their first use, so that each child needs not; keep no connection."""
    import boto3
    import httpx
    import stripe
    from botocore.config import Config
    from django.conf import settings
    from django.db import connections
    from django.template.loader import get_template
    from django.urls import reverse

    import huntaze.wsgi  # noqa: F401 - what a web server needs

    # All addresses, and so the whole admin.
    reverse("admin:index")
    client = stripe.StripeClient(settings.STRIPE_API_KEY, base_addresses={"api": settings.STRIPE_API_BASE}).v1
    customer = client.customers.create({"email": "warm@example.test"}).id
    assert client.customers.list({"email": "cold@example.test"}).data == []
    invoice = client.invoices.create(
        {"customer": customer, "collection_method": "send_invoice", "days_until_due": 1}
    ).id
    client.invoices.add_lines(invoice, {"lines": [{"amount": 100, "description": "Warmth"}]})
    client.invoices.finalize_invoice(invoice)
    options = settings.STORAGES["invoices"]["OPTIONS"]
    storage = boto3.resource("s3", endpoint_url=options["endpoint_url"], config=Config(s3={"addressing_style": "path"}))
    storage.Bucket(options["bucket_name"]).upload_fileobj(BytesIO(b"warm"), "warm")
    httpx.Client().close()
    for name in ("invoice.html", "invoice.txt", "invoice_subject.txt"):
        get_template(f"billing/email/{name}")
    connections.close_all()


def _let_loose(specs: list[Spec]) -> list[Spec]:
    """Fork a child for each, let them begin together, and tell how each ended."""
    begin = multiprocessing.get_context("fork").Barrier(len(specs) + 1)
    meet = multiprocessing.get_context("fork").Barrier(len(specs))
    children = [_fork(partial(_live, spec, begin, meet)) for spec in specs]
    begin.wait(_PATIENCE)
    pids = [pid for pid, _ in children]
    ended: dict[int, int] = {}
    _let_sleep([(pid, spec) for pid, spec in zip(pids, specs, strict=True) if "sleep_at" in spec], ended)
    _kill_in_time({pid: spec["kill_after"] for pid, spec in zip(pids, specs, strict=True) if "kill_after" in spec})
    return [_bury(pid, said, ended) for pid, said in children]


def _fork(live: Callable[[], Any]) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    answer, status = {}, 0
    try:
        answer = live()
    except BaseException as error:
        traceback.print_exc()
        answer, status = {"error": f"{type(error).__name__}: {error}"}, 1
    os.write(writing, json.dumps(answer).encode())
    os._exit(status)


def _let_sleep(sleepers: list[tuple[int, Spec]], ended: dict[int, int]) -> None:
    """Wake those that fall asleep when others have had the time to do their work, or could not do it till then."""
    awake = dict(sleepers)
    while awake:
        asleep = {pid: awake.pop(pid) for pid in _find_sleepers(awake, ended)}
        others = [_fork(partial(_act, spec)) for spec in asleep.values()]
        deadline = time.monotonic() + _LONGEST_SLEEP
        reading = [said for _, said in others]
        while reading and time.monotonic() < deadline:
            reading = [said for said in reading if not select.select([said], [], [], 0.01)[0]]
        for pid in asleep:
            os.kill(pid, signal.SIGCONT)
        for pid, said in others:
            _bury(pid, said, {})


def _find_sleepers(awake: dict[int, Spec], ended: dict[int, int]) -> list[int]:
    """Wait until all sleep, or some do and the others had time to; who ended instead goes from `awake` to `ended`."""
    deadline = time.monotonic() + _LONGEST_WAIT
    asleep: list[int] = []
    while len(asleep) < len(awake) and not (asleep and time.monotonic() > deadline):
        for pid in [pid for pid in awake if pid not in asleep]:
            found, status = os.waitpid(pid, os.WUNTRACED | os.WNOHANG)
            if found and os.WIFSTOPPED(status):
                asleep.append(pid)
            elif found:
                ended[pid] = status
                del awake[pid]
        time.sleep(0.01)
    return asleep


def _kill_in_time(seconds: dict[int, float]) -> None:
    """Kill processes so many seconds from now, wherever they are then."""
    began = time.monotonic()
    for pid, after in sorted(seconds.items(), key=lambda one: one[1]):
        time.sleep(max(0.0, began + after - time.monotonic()))
        # One that has ended is a zombie until it is buried: its number is not another's.
        os.kill(pid, signal.SIGKILL)


def _bury(pid: int, said: int, ended: dict[int, int]) -> Spec:
    with os.fdopen(said, "rb") as pipe:
        heard = pipe.read()
    status = ended[pid] if pid in ended else os.waitpid(pid, 0)[1]
    return {"killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, **json.loads(heard or b"{}")}


def _live(spec: Spec, begin: Barrier, meet: Barrier) -> Spec:
    from django.conf import settings

    from jobs.registry import get_job
    from tests.concurrency.effects import MISFORTUNES, Effects, introduce, watch

    signal.alarm(int(spec.get("patience", _PATIENCE)))
    for name, value in spec.get("settings", {}).items():
        setattr(settings, name, value)
    for name, size in spec.get("batch_sizes", {}).items():
        get_job(name).batch_size = size
    introduce()
    effects = Effects({spec[name]: misfortune for name, misfortune in MISFORTUNES.items() if name in spec})
    if "ports" in spec:
        watch(effects, {int(port): name for port, name in spec["ports"].items()})
    _change_sql(spec, meet)
    begin.wait(_PATIENCE)
    return {**_act(spec), "effects": effects.names}


def _act(spec: Spec) -> Spec:
    return {"answer": _DEEDS[spec["do"]](spec)}


def _work(spec: Spec) -> list[bool]:
    from jobs.engine import work

    return [work(run, wait=True) for run in spec["runs"]]


def _ring_schedule(spec: Spec) -> list[int]:
    from jobs.services.scheduling import ring_schedule

    return [run.pk for run in ring_schedule(spec["schedule"], dt.datetime.fromisoformat(spec["moment"]))]


def _tick(spec: Spec) -> None:
    from jobs.tasks import tick

    tick()


_DEEDS: dict[str, Callable[[Spec], Any]] = {
    "work": _work,
    "ring_schedule": _ring_schedule,
    "tick": _tick,
    "take_events": event_deeds.take_events,
    "deliver_events": event_deeds.deliver_events,
    "process_events": event_deeds.work_through_events,
    "take_results": result_deeds.take_results,
    "process_results": result_deeds.work_through_results,
    "attach_earnings": earnings_deeds.attach,
    "serve": web.serve,
}


def _change_sql(spec: Spec, meet: Barrier) -> None:
    """Take a protection out of statements (`strip`), or let the children meet once behind one (`meet_behind`)."""
    from django.db.backends.signals import connection_created

    to_meet = [spec["meet_behind"]] if "meet_behind" in spec else []

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = run(sql.replace(spec["strip"], "") if "strip" in spec else sql, params, many, context)
        if to_meet and to_meet[0] in sql:
            to_meet.clear()
            with suppress(BrokenBarrierError):
                meet.wait(10)
        return answer

    def wrap(connection: Any, **_: Any) -> None:
        connection.execute_wrappers.append(execute)

    if "strip" in spec or "meet_behind" in spec:
        connection_created.connect(wrap, weak=False)


if __name__ == "__main__":
    main()
