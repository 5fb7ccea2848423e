"""The environment of the tests: set before Django reads its settings, with servers of our own."""

import os
from pathlib import Path

from huntaze import embedded

DATA_DIR = Path(__file__).resolve().parent.parent / ".data" / "test"

# Of Valkey's numbers, two: the next one is for what must be alone in its queues (`tests.server.spare_redis_url`).
# The workers of one run take the lower ones, two each, and the browser's house those above.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_MOST_WORKERS = 4
_NUMBER = 2 * int(_WORKER.removeprefix("gw")) if _WORKER else 2 * _MOST_WORKERS
if _WORKER and _NUMBER >= 2 * _MOST_WORKERS:
    raise RuntimeError(f"Valkey has numbers for {_MOST_WORKERS} workers: pytest -n {_MOST_WORKERS}")


def _redis_url(own: str | None, embedded_url: str) -> str:
    """The address with a number of this process; one that somebody gave stands as it is, unless several share it."""
    if own and not _WORKER:
        return own
    return f"{(own or embedded_url).rsplit('/', 1)[0]}/{_NUMBER}"


_addresses = embedded.ensure(DATA_DIR)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "huntaze.settings",
    "DEBUG": "1",
    "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", _addresses.database_url),
    "REDIS_URL": _redis_url(os.environ.get("TEST_REDIS_URL"), _addresses.redis_url),
    "LOG_LEVEL": "WARNING",
    "JOBS_LEASE_SECONDS": "3",
    "JOBS_RETRY_BASE_SECONDS": "0.05",
    "JOBS_RETRY_MAX_SECONDS": "0.2",
    "JOBS_MAX_ATTEMPTS": "3",
    "JOBS_THREADS": "4",
    "ALERTS_SETTLE_SECONDS": "0",
    "STRIPE_EVENT_MAX_ATTEMPTS": "3",
    "STRIPE_EVENT_RETRY_BASE_SECONDS": "0.05",
    "ONLYFANS_REQUESTS_PER_MINUTE": "100000",
    "INVOICE_SELLER_ADDRESS": "1 Example Street\\nDublin",
}
for name in (
    "INVOICE_ENABLE_S3",
    "INVOICE_ENABLE_STRIPE",
    "INVOICE_ENABLE_EMAIL",
    "PROCESS_MONTH",
    "DRY_RUN",
    "RUN_SCHEDULE",
):
    os.environ.pop(name, None)
