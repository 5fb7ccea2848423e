"""Months in UTC."""

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from common.clock import Month, iso, previous_month

months = st.builds(Month, st.integers(1_901, 2_999), st.integers(1, 12))


@given(months, st.integers(-5_000, 5_000))
def test_moving_there_and_back(month: Month, distance: int) -> None:
    assert month.plus(distance).plus(-distance) == month
    assert month.months_until(month.plus(distance)) == distance
    assert (month.plus(distance) > month) == (distance > 0)


@given(months)
def test_a_month_ends_where_the_next_begins(month: Month) -> None:
    assert month.ends_at == month.plus(1).starts_at
    assert month.last_day + dt.timedelta(days=1) == month.plus(1).first_day
    assert Month.of(month.first_day) == Month.of(month.last_day) == Month.parse(str(month)) == month
    assert Month.of(month.ends_at - dt.timedelta(microseconds=1)) == month


@given(months, months)
def test_months_are_ordered_as_their_days_are(one: Month, other: Month) -> None:
    assert (one < other) == (one.first_day < other.first_day)


@pytest.mark.parametrize(
    "text",
    [
        "", "2026", "2026-1", "2026-13", "2026-00", "26-10", "2026-10-01", "2026/10", "October 2026", " 2026-10",
        "2026-10\n", "0000-01", "0001-01", "9999-12", "\uff12\uff10\uff12\uff16-10",
        "\u0968\u0966\u0968\u096c-10", "-2026-10",
    ],
)  # fmt: skip
def test_refuses_what_is_no_month_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a month: write it as year and month, like 2026-10\Z"):
        Month.parse(text)


def test_names() -> None:
    month = Month(2026, 10)
    assert (str(month), month.label) == ("2026-10", "October 2026")


def test_the_previous_month_is_the_last_that_has_ended_in_utc() -> None:
    midnight = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert previous_month(midnight) == Month(2026, 10)
    assert previous_month(midnight - dt.timedelta(seconds=1)) == Month(2026, 9)
    assert previous_month(dt.datetime(2026, 1, 15, tzinfo=dt.UTC)) == Month(2025, 12)


def test_an_instant_is_written_in_utc() -> None:
    moment = dt.datetime(2026, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    assert iso(moment) == "2026-10-25T00:30:00Z"


class Asked(BaseModel):
    """Something that asks for a month."""

    month: Month


def test_a_month_can_be_asked_for() -> None:
    assert Asked.model_validate({"month": "2026-10"}).month == Month(2026, 10)
    assert Asked(month=Month(2026, 10)).model_dump(mode="json") == {"month": "2026-10"}
    assert Asked.model_validate_json('{"month": "2026-10"}').month == Month(2026, 10)
    schema = Asked.model_json_schema()["properties"]["month"]
    assert (schema["type"], schema["pattern"]) == ("string", r"^(19|2\d)\d{2}-(0[1-9]|1[0-2])$")


@pytest.mark.parametrize("value", [202610, None, ["2026-10"], "soon"])
def test_nonsense_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Asked.model_validate({"month": value})
