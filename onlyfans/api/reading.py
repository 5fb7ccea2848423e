"""Bodies of many rows: whatever is wrong with one of them is that row's own matter."""

import json
from typing import Any

from rest_framework.parsers import BaseParser

from common.api.errors import ApiError
from common.api.parsing import read_bytes

# A number beyond that is no figure of ours, and may cost memory by its value instead of its length.
_MOST_DIGITS = 40


class Unreadable:
    """Stands where something can't be read: no field takes it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class RowsParser(BaseParser):
    """Reads JSON within the view's `limits`, and judges none of it."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read the body; ApiError where it is too long or no JSON at all."""
        body = read_bytes(stream, parser_context["request"].META, parser_context["view"].limits)
        try:
            return json.loads(body.decode(), parse_int=_read_integer, object_pairs_hook=_read_object)
        except (ValueError, RecursionError):
            raise ApiError(400, "The body is not valid JSON.") from None


def _read_integer(text: str) -> int | Unreadable:
    return int(text) if len(text) <= _MOST_DIGITS else Unreadable("This number is beyond reason.")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Unreadable:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Unreadable("A name is given twice.")
