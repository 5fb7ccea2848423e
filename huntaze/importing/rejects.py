"""Records that were refused, as rows for people."""

from collections.abc import Iterator
from itertools import chain

from common.clock import iso
from common.spreadsheets import write_csv
from huntaze.models import TableImport

COLUMNS = ("table", "key", "attribute", "reason", "refused_at")


def list_reject_rows(table_import: TableImport) -> Iterator[tuple[str, ...]]:
    """Go through the refused records of a table, a row for each attribute that is wrong."""
    for reject in table_import.rejects.order_by("id").iterator(chunk_size=2_000):
        for attribute, reason in reject.reasons.items():
            yield table_import.name, reject.key, attribute, reason, iso(reject.rejected_at)


def count_reject_rows(table_import: TableImport) -> int:
    """Count the rows that `write_rejects` writes below its head."""
    return sum(map(len, table_import.rejects.values_list("reasons", flat=True).iterator(chunk_size=2_000)))


def write_rejects(table_import: TableImport) -> Iterator[str]:
    """Write the refused records of a table as CSV, a line at a time."""
    return write_csv(chain([COLUMNS], list_reject_rows(table_import)))
