"""What is taken in, and what became of it."""

import datetime as dt
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from common.clock import Month
from onlyfans.explaining import Said

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,64}\Z")


class Outcome(enum.StrEnum):
    """What became of a row."""

    # The first version of that month, and another one that stands from now on.
    CREATED = "created"
    UPDATED = "updated"
    # This version was there already, and what stands is what stood.
    UNCHANGED = "unchanged"
    # It is kept, but something newer stands.
    STALE = "stale"
    # It waits for its creator.
    UNMATCHED = "unmatched"
    # It was refused at the door.
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class IncomingAggregate:
    """A version of a creator's month: gross and net cents by category, and where it comes from.

    `user_id` is OnlyFans' own. With `bucket`, `key` and `etag` it came in an object, whose versions follow each other
    by S3's `sequencer`; without, `received_at` orders it. A month of which only totals are known has the one category
    `uncategorized`.
    """

    user_id: str
    month: Month
    currency: str
    parts: Mapping[str, tuple[int, int]]
    received_at: dt.datetime
    source: str
    bucket: str = ""
    key: str = ""
    etag: str = ""
    sequencer: str = ""
    # Of what staff enter: what each source had said last by then.
    answers: Mapping[str, Said] | None = None


def read_sequencer(text: str) -> str:
    """Bring S3's sequencer into the form whose order as text is S3's; ValueError where it is none.

    S3 compares them as hexadecimal, the shorter filled up with zeros on its right.
    """
    if not _HEXADECIMAL.match(text):
        raise ValueError("A sequencer has at most 64 hexadecimal digits.")
    return text.upper().rstrip("0") or "0"
