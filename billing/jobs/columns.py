"""What a billing run's table of items shows: what is billed, and how it differs."""

from typing import Any

from common.money import format_money
from jobs.registry import Column


def _money(result: dict[str, Any], name: str) -> str:
    cents, currency = result.get(name), result.get("currency")
    return "" if cents is None or not currency else format_money(cents, currency)


def _difference(result: dict[str, Any], name: str) -> str:
    """Write how the total differs from another figure; empty where either is missing or nothing was said of it."""
    total, other, currency = result.get("total_cents"), result.get(name), result.get("currency")
    if total is None or other is None or not currency:
        return ""
    sign = "+" if total > other else ""
    return sign + format_money(total - other, currency)


COLUMNS = (
    Column("Total", lambda result: _money(result, "total_cents"), numeric=True),
    Column("Issued before", lambda result: _money(result, "already_cents"), numeric=True),
    Column("Difference", lambda result: _difference(result, "already_cents"), numeric=True),
    Column("Month before", lambda result: _money(result, "former_total_cents"), numeric=True),
    Column("Change", lambda result: _difference(result, "former_total_cents"), numeric=True),
)
