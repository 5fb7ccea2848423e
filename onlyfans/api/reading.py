"""Bodies of many rows, taken apart as they arrive; whatever is wrong with one row is its own matter."""

from collections.abc import Iterable, Iterator
from itertools import batched, chain
from typing import Any

import jiter
from django.http import UnreadablePostError
from rest_framework.parsers import BaseParser

from onlyfans.api.scanning import Scanner, Unread

MOST_ROWS = 10_000
# Room for as many rows with all that they may hold, however it is escaped.
MOST_BYTES = 256 * 1024 * 1024
# A body up to there is parsed in one go, which is quicker; a longer one piece by piece.
_IN_ONE_GO = 2 * 1024 * 1024
_PIECE = 64 * 1024
# Rows are given on so many at a time, or as many as so many bytes hold.
_BATCH_ROWS, _BATCH_BYTES = 1_000, 1024 * 1024


class RowsParser(BaseParser):
    """Takes JSON for what `read_batches` gives, and judges none of it."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the batches; nothing is read before the first is asked for."""
        return read_batches(stream)


def read_batches(stream: Any) -> Iterator[list[Any]]:
    """Give a body's rows in batches as they arrive; Unread, in the end, where the rest of it can't be read."""
    pieces = _read_pieces(stream)
    head, size = [], 0
    for piece in pieces:
        head.append(piece)
        size += len(piece)
        if size > _IN_ONE_GO:
            break
    rows = _parse(b"".join(head)) if size <= _IN_ONE_GO else None
    if rows is not None:
        yield from map(list, batched(rows, _BATCH_ROWS))
    else:
        yield from _scan(chain(head, pieces))


def _read_pieces(stream: Any) -> Iterator[bytes]:
    size = 0
    try:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > MOST_BYTES:
                raise Unread(413, f"The body is too large: at most {MOST_BYTES:,} bytes are read", MOST_BYTES)
            yield piece
    except UnreadablePostError:
        # The connection broke. What arrived shows whether anything is missing.
        return


def _parse(body: bytes) -> list[Any] | None:
    """Parse a body in one go; None where something about it wants a closer look."""
    try:
        value = jiter.from_json(body, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError:
        return None
    if not isinstance(value, list):
        return [value]
    return value if len(value) <= MOST_ROWS else None


def _scan(pieces: Iterator[bytes]) -> Iterator[list[Any]]:
    scanner, rows, since = Scanner(pieces, MOST_ROWS), list[Any](), 0
    fault: Unread | None = None
    try:
        for row in scanner:
            rows.append(row)
            if len(rows) == _BATCH_ROWS or scanner.dropped - since > _BATCH_BYTES:
                yield rows
                rows, since = [], scanner.dropped
    except Unread as error:
        fault = error
    if rows:
        yield rows
    if fault:
        exhaust(pieces)
        raise fault


def exhaust(parts: Iterable[object]) -> None:
    """Read what is left of a body and throw it away, for who still sends would not hear the answer."""
    try:
        for _ in parts:
            pass
    except Unread:
        # Longer than anybody may send: no more of it is read.
        return
