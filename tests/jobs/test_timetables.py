"""Due times, compared with what libraries that had no part in them find.

In UTC the second opinion is Celery's own crontab; across changes of the clock it is dateutil's recurrence rules and
time zones, with what Debian's cron does about times that are left out or come twice written down beside them.
"""

import datetime as dt
import zoneinfo
from collections.abc import Iterator
from itertools import islice, takewhile

import pytest
from celery.schedules import crontab as celery_crontab
from dateutil import rrule, tz  # type: ignore[import-untyped]  # the library has no types
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.models.timetables import iterate_slots, latest_slot, list_last_slots, next_slot

DAY = dt.timedelta(days=1)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
# Days around which clocks change, in UTC, and days on which nothing happens.
DAYS = [
    (BERLIN, "2026-03-28"),
    (BERLIN, "2026-10-24"),
    (NEW_YORK, "2026-03-07"),
    (NEW_YORK, "2026-10-31"),
    (BERLIN, "2028-02-28"),
    (NEW_YORK, "2027-12-30"),
]


def task(expression: str, zone: str = "UTC") -> PeriodicTask:
    fields = dict(zip(FIELDS, expression.split(), strict=True))
    return PeriodicTask(crontab=CrontabSchedule(**fields, timezone=zoneinfo.ZoneInfo(zone)))


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def between(row: PeriodicTask, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    return list(takewhile(lambda slot: slot <= end, iterate_slots(row, start)))


# In UTC


def by_celery(expression: str, after: dt.datetime, count: int) -> list[dt.datetime]:
    """Ask Celery, again and again, how long it is to the next time."""
    found = []
    for _ in range(count):
        moment = after
        schedule = celery_crontab(**dict(zip(FIELDS, expression.split(), strict=True)), nowfun=lambda at=moment: at)
        last, remaining, _ = schedule.remaining_delta(moment)
        after = last + remaining
        found.append(after)
    return found


NUMBERS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 28), "month": (1, 12), "weekday": (0, 6)}


def field(name: str) -> st.SearchStrategy[str]:
    low, high = NUMBERS[name]
    one = st.integers(low, high)
    some = st.lists(one, min_size=1, max_size=3, unique=True).map(lambda parts: ",".join(map(str, sorted(parts))))
    span = st.tuples(one, one).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.sampled_from([2, 3, 5, 7]).map(lambda width: f"*/{width}")
    return st.one_of(st.just("*"), some, span, step) if low == 0 else st.one_of(st.just("*"), some, span)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Draw five fields, with at most one of day and weekday: with both, Celery does not do as cron does."""
    day, weekday = draw(st.sampled_from([("*", "*"), (draw(field("day")), "*"), ("*", draw(field("weekday")))]))
    return " ".join([draw(field("minute")), draw(field("hour")), day, draw(field("month")), weekday])


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(expressions(), st.integers(0, 10 * 365 * 24 * 60))
def test_in_utc_due_times_are_those_of_celery(expression: str, minutes: int) -> None:
    after = utc("2023-01-01T00:00:00") + dt.timedelta(minutes=minutes)
    assert list(islice(iterate_slots(task(expression), after), 3)) == by_celery(expression, after, 3)


@pytest.mark.parametrize(
    "expression", ["0 2 1 * *", "0 2 2-31 * *", "0 0 31 * *", "59 23 29 2 *", "0 12 30 4,6,9,11 *"]
)
def test_over_years_due_times_are_those_of_celery(expression: str) -> None:
    start = utc("2023-12-31T23:59:00")
    count = 400 if "-" in expression else 24
    assert list(islice(iterate_slots(task(expression), start), count)) == by_celery(expression, start, count)


# Across changes of the clock


def by_dateutil(expression: str, zone: str, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    """Go through local times by rule; then do what cron does about those that are left out or come twice."""
    minute, hour, day, _, _ = expression.split()
    rule = {"byminute": numbers(minute, 60), "byhour": numbers(hour, 24), "bysecond": 0}
    rule |= {} if day == "*" else {"bymonthday": numbers(day, 32)}
    there = tz.gettz(zone)
    first, last = (at.astimezone(there).replace(tzinfo=None) + by for at, by in ((start, -DAY), (end, DAY)))
    found = set()
    for local in rrule.rrule(rrule.DAILY, dtstart=first.replace(hour=0, minute=0, second=0), until=last, **rule):
        found |= set(instants(local.replace(tzinfo=there), is_fixed=minute[0] != "*" and hour[0] != "*"))
    return sorted(at for at in found if start < at <= end)


def instants(local: dt.datetime, *, is_fixed: bool) -> Iterator[dt.datetime]:
    if not tz.datetime_exists(local):
        # What runs at set times is made up for as soon as the hour is over; what runs by the hour is not.
        if is_fixed:
            while not tz.datetime_exists(local):
                local += dt.timedelta(minutes=1)
            yield local.astimezone(dt.UTC)
        return
    yield tz.enfold(local, 0).astimezone(dt.UTC)
    if tz.datetime_ambiguous(local) and not is_fixed:
        yield tz.enfold(local, 1).astimezone(dt.UTC)


def numbers(text: str, end: int) -> list[int]:
    span, _, step = text.partition("/")
    if span == "*":
        return list(range(0 if end != 32 else 1, end, int(step or 1)))
    return [number for part in span.split(",") for number in _span(part)]


def _span(part: str) -> range:
    low, _, high = part.partition("-")
    return range(int(low), int(high or low) + 1)


@pytest.mark.parametrize(("zone", "day"), DAYS)
@pytest.mark.parametrize(
    "expression",
    [
        "30 2 * * *",
        "0 2 * * *",
        "0 3 * * *",
        "15,45 1-3 * * *",
        "0 0 * * *",
        "*/20 * * * *",
        "0 * * * *",
        "*/15 2 * * *",
        "0 2 1 * *",
        "0 2 29 * *",
        "59 23 31 * *",
    ],
)
def test_across_changes_of_the_clock(expression: str, zone: str, day: str) -> None:
    start, end = utc(f"{day}T00:00:00"), utc(f"{day}T00:00:00") + 4 * DAY
    expected = by_dateutil(expression, zone, start, end)
    row = task(expression, zone)
    assert between(row, start, end) == expected
    # From whichever instant one looks, the next and the last are the same.
    moment = start
    while moment < end:
        upcoming = [at for at in expected if at > moment]
        passed = [at for at in expected if at <= moment]
        if upcoming:
            assert next_slot(row, moment) == upcoming[0], moment
        if passed:
            assert latest_slot(row, moment) == passed[-1], moment
        moment += dt.timedelta(minutes=97)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(["*", "*/10", "0", "30", "5,35"]),
    st.sampled_from(["*", "1", "2", "3", "1-3", "0,2"]),
    st.sampled_from(DAYS),
    st.integers(0, 3 * 24 * 60),
)
def test_any_times_of_day_across_changes_of_the_clock(
    minute: str, hour: str, place: tuple[str, str], offset: int
) -> None:
    zone, day = place
    start = utc(f"{day}T00:00:00") + dt.timedelta(minutes=offset)
    expression = f"{minute} {hour} * * *"
    assert between(task(expression, zone), start, start + DAY) == by_dateutil(expression, zone, start, start + DAY)


# Looking back


def test_the_last_times_are_found_from_far_away() -> None:
    row = task("* * * * *")
    end = utc("2026-03-08T00:00:30")
    found = list_last_slots(row, utc("2020-01-01T00:00:00"), end, 3)
    assert found == [utc("2026-03-07T23:58:00"), utc("2026-03-07T23:59:00"), utc("2026-03-08T00:00:00")]
    assert list_last_slots(row, utc("2026-03-07T23:59:00"), end, 3) == found[-1:]
    assert list_last_slots(row, end, end, 3) == []
    leap = task("0 0 29 2 *")
    assert list_last_slots(leap, utc("2000-01-01T00:00:00"), utc("2027-01-01T00:00:00"), 1) == [
        utc("2024-02-29T00:00:00")
    ]


def test_intervals_count_from_the_epoch() -> None:
    row = PeriodicTask(interval=IntervalSchedule(every=6, period="hours"))
    assert between(row, utc("2026-03-01T05:59:59"), utc("2026-03-01T18:00:00")) == [
        utc("2026-03-01T06:00:00"),
        utc("2026-03-01T12:00:00"),
        utc("2026-03-01T18:00:00"),
    ]
    assert next_slot(row, utc("2026-03-01T06:00:00")) == utc("2026-03-01T12:00:00")
    assert next_slot(PeriodicTask(), utc("2026-03-01T06:00:00")) is None


def test_what_never_comes_true_is_never_due() -> None:
    row = task("0 2 30 2 *")
    assert (next_slot(row, utc("2026-03-01T00:00:00")), latest_slot(row, utc("2026-03-01T00:00:00"))) == (None, None)


def test_no_interval_is_shorter_than_a_second() -> None:
    row = PeriodicTask(interval=IntervalSchedule(every=10, period="microseconds"))
    assert next_slot(row, utc("2026-03-01T06:00:00")) == utc("2026-03-01T06:00:01")
