"""`python -m benchmarks.visits NUMBER`: visit the admin's pages as a superuser, so often each, and print the times.

The time is the server's: from the request as the handler gets it, through all middleware, to the rendered answer.
"""

import json
import sys
import time

import django

django.setup()

from django.conf import settings  # noqa: E402 - after the set-up
from django.test import Client  # noqa: E402

from accounts.models import User  # noqa: E402
from billing.models import Invoice  # noqa: E402
from jobs.models import JobItem, JobRun  # noqa: E402

_WARM_UP = 3


def list_pages() -> dict[str, str]:
    """Name the pages and their addresses."""
    run = f"/admin/jobs/jobrun/{JobRun.objects.earliest('pk').pk}/change/"
    active = f"/admin/jobs/jobrun/{JobRun.objects.latest('pk').pk}/progress/"
    invoices, latest = "/admin/billing/invoice/", Invoice.objects.latest("pk")
    items = JobItem.objects.order_by("pk")
    middle = items[items.count() // 2]
    return {
        "run page": run,
        "run page, items from the middle": f"{run}?after={middle.pk}",
        "run page, failed items": f"{run}?status=failed",
        "run page, failed at one step": f"{run}?status=failed&step=stripe",
        "run page, items at one step": f"{run}?step=stripe",
        "run page, one item by its key": f"{run}?q={middle.key}",
        "run page, the part that refreshes itself": active,
        "invoice list": invoices,
        "invoice list, page 100": f"{invoices}?p=100",
        "invoice list, one month": f"{invoices}?month={latest.period}",
        "invoice list, one month and state": f"{invoices}?month={latest.period}&status__exact=paid",
        "invoice list, held": f"{invoices}?status__exact=held",
        "invoice list, a step failed": f"{invoices}?failed=email",
        "invoice list, search by number": f"{invoices}?q={latest.number}",
        "invoice list, search by organization": f"{invoices}?q={latest.organization.name.replace(' ', '+')}",
        "an invoice": f"{invoices}{latest.pk}/change/",
        "front page": "/admin/",
        "figures for Prometheus": "/metrics",
    }


def visit(client: Client, address: str, times: int) -> list[float]:
    """Visit a page, and return what each visit took in milliseconds."""
    found, token = [], settings.METRICS_TOKEN
    for _ in range(_WARM_UP + times):
        clock = time.perf_counter()
        answer = client.get(address, secure=True, headers={"host": "localhost", "authorization": f"Bearer {token}"})
        found.append(1000 * (time.perf_counter() - clock))
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}")
    return found[_WARM_UP:]


def main() -> None:
    """Log in, visit, print."""
    user = User.objects.create_superuser("bench@huntaze.test", name="Bench")
    client = Client()
    client.force_login(user)
    pages = list_pages()
    print(json.dumps({name: visit(client, address, int(sys.argv[1])) for name, address in pages.items()}))


if __name__ == "__main__":
    main()
