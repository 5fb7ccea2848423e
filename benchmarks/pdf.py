"""`python -m benchmarks.pdf PROCESSES`: lay out every issued invoice, and print how many a second as JSON."""

import json
import multiprocessing
import sys
import time

import django

django.setup()

from billing.models import Invoice  # noqa: E402 - after the set-up
from billing.providers.pdf import render_invoice  # noqa: E402
from billing.services.delivering.claims import Holder, Parcel  # noqa: E402
from billing.services.delivering.documents import make_document  # noqa: E402


def lay_out(ids: list[int]) -> int:
    """Read invoices with their lines and lay them out; return how many bytes came of it."""
    parcels = (Parcel(id_, Holder(0, 0)) for id_ in ids)
    return sum(len(render_invoice(make_document(parcel.invoice, parcel.lines))) for parcel in parcels)


def main() -> None:
    """Warm every process up with an invoice, then measure."""
    processes = int(sys.argv[1])
    ids = list(Invoice.objects.filter(number__isnull=False).order_by("pk").values_list("pk", flat=True))
    shares = [ids[start::processes] for start in range(processes)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(lay_out, [share[:1] for share in shares], chunksize=1)
        clock = time.perf_counter()
        size = sum(pool.map(lay_out, shares, chunksize=1))
        print(json.dumps({"seconds": time.perf_counter() - clock, "invoices": len(ids), "bytes": size}))


if __name__ == "__main__":
    main()
