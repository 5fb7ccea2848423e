"""The web server killed at any effect of a call that brings something: who sends it again loses and doubles nothing."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest
from django.db import connection, transaction

from accounts.models import AuditEntry
from billing.models import InvoiceLine
from common.clock import Month
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision, ResultFile, UnmatchedAggregate
from onlyfans.providers.notifications import StoredFile
from tests.concurrency.fleet import Fleet
from tests.concurrency.shelf import Shelf
from tests.concurrency.web import CARELESS_AGGREGATES, CARELESS_RESULTS, DIE_AT, EFFECTS
from tests.concurrency.world import RESULTS, Outside
from tests.factories.billing import make_creator, make_organization, make_plan
from tests.factories.earnings import NOW, TOTAL, make_row, take_in
from tests.factories.runs import bill_here
from tests.server import free_ports

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
AUGUST, SEPTEMBER = Month(2026, 8), Month(2026, 9)
SECRET = "cron-secret-of-these-tests"
AGGREGATES, FILES = "/api/ingest/of-aggregates", "/api/ingest/of-results"
_BEFORE, _AFTER = 10_000, 26_000
# More than a call has effects.
_MOST_EFFECTS = 12


def wait_for_port(port: int) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
    raise AssertionError("Nobody listens.")


class Web:
    """The web server; whoever calls it when it was killed finds it started anew."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._http: httpx.Client | None = None

    def begin(self) -> None:
        """Start the server. Until it is killed, the fleet has nobody for anything else."""
        (port,) = free_ports(1)
        secrets = {"CRON_SECRETS": [SECRET], "EVENTBRIDGE_API_KEYS": [SECRET], "RESULTS_BUCKET": RESULTS}
        self._fleet.begin({"do": "serve", "port": port, "settings": secrets})
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, headers={"x-cron-secret": SECRET})
        wait_for_port(port)

    def send(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Send something."""
        assert self._http
        return self._http.post(path, json=body, headers=headers)

    def post(self, path: str, body: Any) -> tuple[list[str], Any]:
        """Send something that is well received; return its effects and the answer."""
        answer = self.send(path, body)
        assert answer.status_code in {200, 202}, answer.text
        return json.loads(answer.headers[EFFECTS]), answer.json()

    def post_and_kill(self, path: str, body: Any, place: int) -> None:
        """Send something and hear nothing any more, for the server is killed at that effect; it is started anew."""
        with pytest.raises(httpx.TransportError):
            self.send(path, body, **{DIE_AT: str(place)})
        self.bury()
        self.begin()

    def kill(self) -> None:
        """Kill the server, unless it is dead."""
        if self._http:
            with suppress(httpx.TransportError):
                self.send("/", {}, **{DIE_AT: "1"})
            self.bury()

    def bury(self) -> None:
        """Wait for the end of a server that was killed."""
        assert self._http
        self._http.close()
        self._http = None
        (end,) = self._fleet.await_ends()
        assert end["killed"], end


@pytest.fixture
def web(fleet: Fleet) -> Iterator[Web]:
    made = Web(fleet)
    made.begin()
    yield made
    made.kill()


class Ledger:
    """Creators whose August came and was billed, each of whom a call of its own changes."""

    def __init__(self) -> None:
        self._organization = make_organization(make_plan(((0, 1000),)), account={"max_change_percent": 10**6})
        self.creators = [make_creator(self._organization) for _ in range(2 * _MOST_EFFECTS)]
        rows = [make_row(one.onlyfans_user_id, _BEFORE, month=AUGUST) for one in self.creators]
        assert set(take_in(*rows)) == {"created"}
        bill_here(AUGUST, self._organization.pk)
        self.told: list[CreatorAccount] = []

    def make_call(self) -> list[dict[str, Any]]:
        """Rows of two creators who were not told of before."""
        pair = self.creators[len(self.told) : len(self.told) + 2]
        self.told += pair
        figures = {"month": str(AUGUST), "currency": "USD", "grossCents": _AFTER, "netCents": _AFTER}
        at = (NOW.replace(hour=20)).isoformat()
        return [{"userId": one.onlyfans_user_id, **figures, "receivedAt": at} for one in pair]

    def find_faults(self) -> list[str]:
        """Say what is not as it is where nobody is killed, bill September, and say what is wrong with that."""
        kept, entries = EarningsRevision.objects.count(), AuditEntry.objects.filter(verb="ingest").count()
        faults = []
        if (kept, entries) != (len(self.creators) + len(self.told), len(self.told) // 2):
            faults.append(f"{kept} versions, {entries} audit entries")
        stands = dict(EarningsAggregate.objects.values_list("creator", "gross_cents"))
        if stands != {one.pk: _AFTER if one in self.told else _BEFORE for one in self.creators}:
            faults.append(f"what stands is {stands}")
        bill_here(SEPTEMBER, self._organization.pk)
        lines = InvoiceLine.objects.filter(invoice__month=SEPTEMBER.first_day, kind="adjustment")
        trued_up = sorted(lines.values_list("creator", "month", "amount_cents"))
        # 10 % of 260.00, of which 10 % of 80.00 were billed.
        if trued_up != sorted((one.pk, AUGUST.first_day, 1_800) for one in self.told):
            faults.append(f"September trues up {trued_up}")
        return faults


def test_earnings_are_sent_again_when_the_server_was_killed_at_any_effect(web: Web) -> None:
    ledger = Ledger()
    effects, _ = web.post(AGGREGATES, ledger.make_call())
    assert (effects[0], effects[-1]) == ("asked", "answered")
    assert "call onlyfans_ingest_call" in effects, effects
    assert len(effects) < _MOST_EFFECTS
    for place in range(1, len(effects) + 1):
        call = ledger.make_call()
        web.post_and_kill(AGGREGATES, call, place)
        _, answer = web.post(AGGREGATES, call)
        assert set(answer["counts"]) == ({"updated"} if place == 1 else {"unchanged"}), (effects[place - 1], answer)
    assert ledger.find_faults() == []


def test_earnings_are_sent_again_when_the_server_was_killed_in_the_middle_of_its_statement(web: Web) -> None:
    """It is held up at a row; with whom it was talking is dead when it goes on."""
    ledger = Ledger()
    call = ledger.make_call()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            CreatorAccount.objects.select_for_update(no_key=True).get(pk=ledger.told[-1].pk)
            sending = pool.submit(web.send, AGGREGATES, call)
            os.killpg(find_blocked(), signal.SIGKILL)
            assert isinstance(sending.exception(30), httpx.TransportError)
        web.bury()
    web.begin()
    web.post(AGGREGATES, call)
    assert ledger.find_faults() == []


def find_blocked() -> int:
    """Wait until somebody waits for a lock in the database, and find the process that started the server."""
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            # Within a transaction, what was seen once would be seen again.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute("SELECT application_name FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
            if found := cursor.fetchone():
                return int(found[0].removeprefix("worker "))
    raise AssertionError("Nobody waits.")


def test_earnings_without_creator_are_sent_again(web: Web) -> None:
    stranger = {"userId": "of_stranger", "month": str(AUGUST), "currency": "USD", "grossCents": 5, "netCents": 4}
    for place in (1, 2, 3):
        web.post_and_kill(AGGREGATES, stranger, place)
        web.post(AGGREGATES, stranger)
    waiting = UnmatchedAggregate.objects.get()
    assert (waiting.onlyfans_user_id, waiting.parts) == ("of_stranger", {TOTAL: [5, 4]})


def test_a_careless_endpoint_would_be_found_out(web: Web) -> None:
    """Undisturbed its figures are right; killed between its note and the figures, they never come."""
    ledger = Ledger()
    effects, _ = web.post(CARELESS_AGGREGATES, ledger.make_call())
    assert [fault.split()[-2:] for fault in ledger.find_faults()] == [["audit", "entries"]]
    call = ledger.make_call()
    web.post_and_kill(CARELESS_AGGREGATES, call, effects.index("commit") + 1)
    web.post(CARELESS_AGGREGATES, call)
    assert any(fault.startswith("what stands is") for fault in ledger.find_faults())


def tell(files: list[StoredFile]) -> dict[str, Any]:
    """Make a notification as S3 writes it."""
    things = [{"key": one.key, "eTag": one.etag, "size": 1, "sequencer": one.sequencer} for one in files]
    records = [{"s3": {"bucket": {"name": RESULTS}, "object": thing}} for thing in things]
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", **one} for one in records]}


def test_files_are_told_of_again_when_the_server_was_killed_at_any_effect(
    web: Web, fleet: Fleet, outside: Outside, settings: Any
) -> None:
    web.kill()
    shelf = Shelf(outside, settings, _MOST_EFFECTS)
    shelf.bill_august(fleet)
    web.begin()
    watched, *others = shelf.creators
    effects, answer = web.post(FILES, tell(shelf.put_changes(watched)))
    assert answer["new"] == 2
    assert {"INSERT onlyfans_resultfile", "commit"} <= set(effects), effects
    for place, creator in enumerate(others, start=1):
        told = tell(shelf.put_changes(creator))
        if place <= len(effects):
            web.post_and_kill(FILES, told, place)
            _, answer = web.post(FILES, told)
            is_known = place > effects.index("commit")
            assert answer["new"] == (0 if is_known else 2), effects[place - 1]
        else:
            web.post(FILES, told)
    web.kill()
    assert ResultFile.objects.filter(status="waiting").count() == 2 * len(shelf.creators)
    fleet.let_loose({"do": "process_results"})
    shelf.check()
    web.begin()


def test_files_that_are_only_remembered_would_be_lost(web: Web) -> None:
    """The control: who answers first and writes later has told the sender that all is well."""
    file = StoredFile(RESULTS, "jobs/1/result.json", "etag")
    for path in (CARELESS_RESULTS, FILES):
        web.post(path, tell([file]))
        web.kill()
        web.begin()
        web.post(path, {"Records": []})
        assert ResultFile.objects.count() == (path == FILES)
