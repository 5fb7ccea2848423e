"""Time: instants in UTC, read once at the door and passed in; a period is a calendar month."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# Other years are slips of the pen, and some have no month before or after them.
_MONTH = re.compile(r"((?:19|2[0-9])[0-9]{2})-(0[1-9]|1[0-2])\Z")

# No timetable starts a job more often: a slip of the pen must not flood the queues.
SHORTEST_PAUSE = dt.timedelta(minutes=5)


@lru_cache(maxsize=1_000)
def _parse(text: str) -> "Month":
    """Remember the months that a body names ten thousand times."""
    return Month.parse(text)


_set_to: ContextVar[dt.datetime | None] = ContextVar("set_to", default=None)


def now() -> dt.datetime:
    """Read the clock, in UTC."""
    return _set_to.get() or dt.datetime.now(dt.UTC)


@contextmanager
def clock_set_to(moment: dt.datetime) -> Iterator[None]:
    """Let the block find out what held at an instant."""
    token = _set_to.set(moment)
    try:
        yield
    finally:
        _set_to.reset(token)


def comes_too_often(times: Iterable[dt.datetime]) -> bool:
    """Return whether any two of a timetable's times, in order, lie closer together than `SHORTEST_PAUSE`."""
    return any(later - earlier < SHORTEST_PAUSE for earlier, later in pairwise(times))


@dataclass(frozen=True, order=True, slots=True)
class Month:
    """A calendar month in UTC, written `2026-10`."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2026-10`; ValueError with a sentence for people otherwise."""
        match = _MONTH.match(text)
        if not match:
            raise ValueError(f"“{text}” is not a month: write it as year and month, like 2026-10")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, moment: dt.date) -> Self:
        """Find the month that a day or an instant in UTC falls into."""
        return cls(moment.year, moment.month)

    def plus(self, months: int) -> "Month":
        """Move by a number of months, backwards where it is negative."""
        index = self.year * 12 + self.number - 1 + months
        return Month(index // 12, index % 12 + 1)

    def months_until(self, other: "Month") -> int:
        """Count the months from this one to the other."""
        return (other.year - self.year) * 12 + other.number - self.number

    @property
    def first_day(self) -> dt.date:
        return dt.date(self.year, self.number, 1)

    @property
    def last_day(self) -> dt.date:
        return self.plus(1).first_day - dt.timedelta(days=1)

    @property
    def starts_at(self) -> dt.datetime:
        return dt.datetime(self.year, self.number, 1, tzinfo=dt.UTC)

    @property
    def ends_at(self) -> dt.datetime:
        """The instant just after the month, which no longer belongs to it."""
        return self.plus(1).starts_at

    @property
    def label(self) -> str:
        """The month for people: `October 2026`."""
        return f"{self.first_day:%B} {self.year}"

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @classmethod
    def _read(cls, value: object) -> "Month":
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return _parse(value)
        raise PydanticCustomError("string_type", "Input should be a valid string")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^(19|2\d)\d{2}-(0[1-9]|1[0-2])$", "examples": ["2026-10"]}


def previous_month(moment: dt.datetime | None = None) -> Month:
    """Find the last month that has ended."""
    return Month.of(moment or now()).plus(-1)


def iso(moment: dt.datetime) -> str:
    """Write an instant as ISO 8601 in UTC, ending in Z."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
