"""How long creators' earnings and what they came in are kept."""

from jobs.retention import Retention, register_retention

register_retention(
    Retention("earnings", "Earnings with versions and result files", None, "Kept for ever: they explain invoices.")
)
