"""Records that were refused, as rows for people."""

import csv
from collections.abc import Iterator
from io import StringIO

from common.clock import iso
from huntaze.models import TableImport

COLUMNS = ("table", "key", "attribute", "reason", "refused_at")


def list_reject_rows(table_import: TableImport) -> Iterator[tuple[str, ...]]:
    """Go through the refused records of a table, a row for each attribute that is wrong."""
    for reject in table_import.rejects.order_by("id").iterator(chunk_size=2_000):
        for attribute, reason in reject.reasons.items():
            texts = (table_import.name, reject.key, attribute, reason, iso(reject.rejected_at))
            yield tuple(map(_harmless, texts))


def count_reject_rows(table_import: TableImport) -> int:
    """Count the rows that `write_rejects` writes below its head."""
    return sum(map(len, table_import.rejects.values_list("reasons", flat=True).iterator(chunk_size=2_000)))


def write_rejects(table_import: TableImport) -> Iterator[str]:
    """Write the refused records of a table as CSV, a line at a time."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in list_reject_rows(table_import):
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
