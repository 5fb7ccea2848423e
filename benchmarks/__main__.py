"""`python -m benchmarks [PART …]`: measure all parts or those named, print, and write docs/performance.md.

Parts are compute, delivery, pages, dashboards, http, events, ingest and results. `BENCH_ORGANIZATIONS` (100,000),
`BENCH_INVOICES` to deliver (2,000), `BENCH_ROWS` behind the pages (1,000,000), `BENCH_CREATORS` behind the dashboards
(10,000), `BENCH_REQUESTS` a round (5,000), `BENCH_EVENTS` in the log (10,000,000), `BENCH_EARNINGS` a round (100,000),
`BENCH_FILES` in the bucket (100,000) make it smaller; what is smaller is printed and not written down.
"""

import argparse
import os
import sys
from collections.abc import Callable

from benchmarks import compute, dashboards, delivery, events, http, ingest, pages, results
from benchmarks.processes import measure_busy_cores
from benchmarks.report import Table, show, write

_PARTS: dict[str, tuple[str, int, Callable[[int], list[Table]]]] = {
    "compute": ("BENCH_ORGANIZATIONS", 100_000, compute.measure),
    "delivery": ("BENCH_INVOICES", 2_000, delivery.measure),
    "pages": ("BENCH_ROWS", 1_000_000, pages.measure),
    "dashboards": ("BENCH_CREATORS", 10_000, dashboards.measure),
    "http": ("BENCH_REQUESTS", 5_000, http.measure),
    "events": ("BENCH_EVENTS", 10_000_000, events.measure),
    "ingest": ("BENCH_EARNINGS", 100_000, ingest.measure),
    "results": ("BENCH_FILES", 100_000, results.measure),
}


def main() -> None:
    """Measure the parts that are wanted, all where none is named."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(_PARTS)}; all without")
    parts = parser.parse_args().parts or list(_PARTS)
    if strange := set(parts) - set(_PARTS):
        parser.error(f"there is no part {', '.join(sorted(strange))}; there are {', '.join(_PARTS)}")
    for part in parts:
        busy = measure_busy_cores()
        variable, size, measure = _PARTS[part]
        wanted = int(os.environ.get(variable, size))
        print(f"bench: {part}, {variable}={wanted:,} …", file=sys.stderr, flush=True)
        measured = measure(wanted)
        show(measured)
        if wanted == size:
            print(f"bench: written to {write(measured, f'make bench ARGS={part}', busy)}", file=sys.stderr)


if __name__ == "__main__":
    main()
