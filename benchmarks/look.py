"""`python -m benchmarks.look NUMBER`: add up the roll-ups, visit the dashboards as a superuser, and print the times."""

import json
import sys
import time

import django

django.setup()

from django.test import Client  # noqa: E402 - after the set-up

from accounts.models import User  # noqa: E402
from analytics.registry import find_revenue_source  # noqa: E402
from analytics.services.rollups import refresh_revenue  # noqa: E402
from benchmarks.visits import visit  # noqa: E402

_AT = "/admin/dashboards/"
PAGES = {
    "overview": f"{_AT}overview/?range=24m",
    "creator earnings": f"{_AT}revenue/?range=24m",
    "creator earnings, one organization": f"{_AT}revenue/?range=24m&organization=org_7",
    "creator earnings, one creator": f"{_AT}revenue/?range=24m&creator=of_7",
    "creators": f"{_AT}creators/?range=24m",
    "creators, twelve months in between": f"{_AT}creators/?range=custom&first=2025-04-10&last=2026-03-20",
    "creators, this month": f"{_AT}creators/?range=month",
    "creators, one organization": f"{_AT}creators/?range=24m&organization=org_7",
    "creators, one creator": f"{_AT}creators/?range=24m&creator=of_7",
    "fans": f"{_AT}fans/?range=24m",
    "fans, one creator": f"{_AT}fans/?range=24m&creator=of_7",
    "provider snapshots": "/admin/analytics/providersnapshot/",
    "provider snapshots that jumped": "/admin/analytics/providersnapshot/?jumps=yes",
}


def main() -> None:
    """Add up twice, for the second time finds nothing; log in, visit, print."""
    source, seconds = find_revenue_source("onlyfans"), []
    if source is None:
        raise RuntimeError("OnlyFans declares its revenue")
    for _ in range(2):
        clock = time.perf_counter()
        refresh_revenue(source, compare=True)
        seconds.append(time.perf_counter() - clock)
    client = Client()
    client.force_login(User.objects.create_superuser("bench@huntaze.test", name="Bench"))
    times = {name: visit(client, address, int(sys.argv[1])) for name, address in PAGES.items()}
    print(json.dumps({"seconds": seconds, "times": times}))


if __name__ == "__main__":
    main()
