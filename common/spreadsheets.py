"""Tables as CSV for spreadsheets: the one writer of every file that somebody takes home."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

# What makes a spreadsheet compute instead of show: at the beginning of a cell, and behind whatever some spreadsheets
# part cells at, according to the language they are set to.
_FORMULA = re.compile(
    """(\\A|[;,|\\t\\r\\n])([ \\xa0]{0,20}["']?[ \\xa0]{0,20})(?=[=+\\-@\\uff1d\\uff0b\\uff0d\\uff20])"""
)
# Spreadsheets want a byte order mark in order to read UTF-8.
_BYTE_ORDER_MARK = "\ufeff"


def write_csv(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Write rows as CSV, a piece at a time; numbers and days stay as they are, no text is computed."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    buffer.write(_BYTE_ORDER_MARK)
    for row in rows:
        writer.writerow([defuse(value) if isinstance(value, str) else "" if value is None else value for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def defuse(text: str) -> str:
    """Put an apostrophe before whatever a spreadsheet would compute; a tab or a line's end at the beginning counts."""
    return _FORMULA.sub(r"\1\2'", text)
