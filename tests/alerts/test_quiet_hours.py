"""Quiet hours by the clock on a wall, over both changes of it."""

import datetime as dt
from itertools import pairwise

import pytest
from django.core.exceptions import ValidationError

from alerts.models import Rule
from alerts.models.rules import check_time_zone


def rule(begin: str, end: str, zone: str = "Europe/Dublin") -> Rule:
    return Rule(quiet_from=dt.time.fromisoformat(begin), quiet_until=dt.time.fromisoformat(end), time_zone=zone)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("begin", "end", "zone", "moment", "over"),
    [
        # Over midnight and within a day, in winter and in summer time.
        ("22:00", "07:00", "Europe/Berlin", "2026-01-10 20:59", None),
        ("22:00", "07:00", "Europe/Berlin", "2026-01-10 21:00", "2026-01-11 06:00"),
        ("22:00", "07:00", "Europe/Berlin", "2026-01-11 05:59:59", "2026-01-11 06:00"),
        ("22:00", "07:00", "Europe/Berlin", "2026-01-11 06:00", None),
        ("22:00", "07:00", "Europe/Berlin", "2026-07-10 20:00", "2026-07-11 05:00"),
        ("12:00", "13:30", "America/New_York", "2026-07-10 17:00", "2026-07-10 17:30"),
        # The night in which clocks are put forward is an hour shorter, the other an hour longer.
        ("22:00", "07:00", "Europe/Berlin", "2026-03-28 21:00", "2026-03-29 05:00"),
        ("22:00", "07:00", "Europe/Berlin", "2026-10-24 20:00", "2026-10-25 06:00"),
        # They end at a time that the clock skips, or shows twice: the later reading counts.
        ("23:00", "02:30", "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 01:30"),
        ("23:00", "02:30", "Europe/Berlin", "2026-10-25 00:45", "2026-10-25 01:30"),
        ("23:00", "02:30", "Europe/Berlin", "2026-10-25 01:29", "2026-10-25 01:30"),
        ("23:00", "02:30", "Europe/Berlin", "2026-10-25 01:30", None),
        # They begin at a time that the clock shows twice: the first counts.
        ("02:30", "05:00", "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 04:00"),
        # Half an hour's daylight saving, and a zone beside the date line.
        ("22:00", "01:45", "Australia/Lord_Howe", "2026-04-04 14:00", "2026-04-04 15:15"),
        ("22:00", "06:00", "Pacific/Kiritimati", "2026-05-01 09:00", "2026-05-01 16:00"),
    ],
)
def test_when_they_are_over(begin: str, end: str, zone: str, moment: str, over: str | None) -> None:
    assert rule(begin, end, zone).find_quiet_end(at(moment)) == (at(over) if over else None)


@pytest.mark.parametrize("zone", ["Europe/Dublin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"])
@pytest.mark.parametrize(("begin", "end"), [("22:00", "07:00"), ("01:15", "02:45"), ("02:00", "01:30")])
def test_they_are_always_over_and_later_than_now(zone: str, begin: str, end: str) -> None:
    """Each quarter of an hour of a year: an end is to come, is itself not quiet, and never moves while it is quiet."""
    quiet, moment = rule(begin, end, zone), at("2026-01-01 00:00")
    ends = []
    while moment.year == 2026:
        ends.append(quiet.find_quiet_end(moment))
        if ends[-1]:
            assert ends[-1] > moment
        moment += dt.timedelta(minutes=15)
    for former, later in pairwise(ends):
        assert not (former and later) or later >= former
    found = sorted({end for end in ends if end})
    assert 364 <= len(found) <= 366
    for over in found:
        after = quiet.find_quiet_end(over)
        assert after is None or after > over


def test_without_any() -> None:
    assert Rule().find_quiet_end(at("2026-01-01 03:00")) is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "Europe/Dublin\0"])
def test_time_zones_are_known_ones(name: str) -> None:
    with pytest.raises(ValidationError):
        check_time_zone(name)
