"""`python -m benchmarks.log_visits pages NUMBER`, or `record BATCH ROUNDS`: use the event log, and print the times."""

import datetime as dt
import json
import sys
import time
import uuid

import django

django.setup()

from django.test import Client  # noqa: E402 - after the set-up

from accounts.models import User  # noqa: E402
from analytics.admin.paging import Place  # noqa: E402
from analytics.models import Event, NewEvent  # noqa: E402
from analytics.services.recording import record_events  # noqa: E402
from benchmarks.visits import visit  # noqa: E402
from common.clock import now  # noqa: E402

_LIST = "/admin/analytics/event/"
_LARGE, _SMALL, _CREATOR = "organization__id__exact=org_e0000", "organization__id__exact=org_e0007", "creator=of_0"
_COMMON, _RARE = "name=message.opened", "name=account.closed"


def list_pages() -> dict[str, str]:
    """Name the pages and their addresses."""
    last = Event.objects.order_by("-id").values_list("id", flat=True)[0]
    middle, first = Event.objects.get(pk=last // 2), Event.objects.get(pk=100)
    begin, end = (f"{middle.occurred_at + dt.timedelta(days=days):%Y-%m-%dT%H:%M}" for days in (0, 7))
    looks = {
        "the newest": "",
        "from the middle on": f"after={Place.of(middle)}",
        "back from the middle": f"before={Place.of(middle)}",
        "the oldest": f"after={Place.of(first)}",
        "the largest organization": _LARGE,
        "a small organization": _SMALL,
        "a name": _COMMON,
        "a rare name": _RARE,
        "a name that nothing has": "name=nothing.happened",
        "organization and name, from the middle on": f"{_LARGE}&{_COMMON}&after={Place.of(middle)}",
        "organization and rare name": f"{_LARGE}&{_RARE}",
        "a creator": _CREATOR,
        "creator and rare name": f"{_CREATOR}&{_RARE}",
        "creator and somebody else's organization": f"{_CREATOR}&{_SMALL}",
        "a week in the middle": f"since={begin}&until={end}",
        "organization, name and week": f"{_LARGE}&{_COMMON}&since={begin}&until={end}",
        "search by idempotency key": "q=bench:4711",
    }
    return {name: f"{_LIST}?{query}" for name, query in looks.items()} | {"an event": f"{_LIST}{middle.pk}/change/"}


def show_pages(times: int) -> dict[str, list[float]]:
    """Visit each page so often, and return what each visit took in milliseconds."""
    client = Client()
    client.force_login(User.objects.create_superuser("bench@huntaze.test", name="Bench"))
    return {name: visit(client, address, times) for name, address in list_pages().items()}


def record(batch: int, rounds: int) -> dict[str, float]:
    """Record batches twice, and return the seconds that new ones and known ones took, and Python's share of both."""
    tag, used = uuid.uuid4().hex, time.process_time()
    record_events(_make(1, "warm", 0))
    found = {}
    for name in ("new_seconds", "known_seconds"):
        clock = time.perf_counter()
        counts = {record_events(_make(batch, tag, number)) for number in range(rounds)}
        found[name] = time.perf_counter() - clock
        if counts != {batch if name == "new_seconds" else 0}:
            raise RuntimeError(f"{counts} of {batch} events were new")
    return {**found, "python_seconds": time.process_time() - used}


def _make(batch: int, tag: str, number: int) -> list[NewEvent]:
    moment = now()
    return [
        NewEvent(
            name="invoice.issued",
            occurred_at=moment,
            idempotency_key=f"{tag}:{number}:{place}",
            organization_id=f"org_e{place % 1000:04}",
            source="billing",
            properties={"number": f"INV-2026-{place:06}", "total_cents": place, "currency": "USD"},
        )
        for place in range(batch)
    ]


def main() -> None:
    """Do what is asked, and print."""
    what, *numbers = sys.argv[1:]
    found = show_pages(int(numbers[0])) if what == "pages" else record(int(numbers[0]), int(numbers[1]))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
