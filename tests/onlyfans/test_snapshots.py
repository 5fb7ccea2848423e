"""What is known of creators on OnlyFans, as snapshots take it."""

import datetime as dt

import pytest

from analytics.registry import Reading, find_revenue_source, find_source
from common.clock import Month
from onlyfans.models import CreatorAccount, CreatorFigures
from onlyfans.snapshots import read_creators, split_creators
from tests.factories.billing import earn, make_creator, make_organization

pytestmark = pytest.mark.django_db
SLOT = dt.datetime(2026, 10, 14, 6, tzinfo=dt.UTC)
OCTOBER = Month(2026, 10)


def _count(user_id: str, metric: str, value: int, day: int = 10, month: int = 10) -> None:
    CreatorFigures.objects.create(
        user_id=user_id,
        metric=metric,
        kind="fans",
        value=value,
        observed_at=dt.datetime(2026, month, day, tzinfo=dt.UTC),
        source="s3://bucket/jobs/1/result.json",
    )


def test_a_creator_is_read_from_earnings_and_result_files() -> None:
    organization = make_organization()
    creator = make_creator(organization, onlyfans_user_id="ada")
    earn(creator, OCTOBER, 1000, net_cents=800)
    earn(creator, OCTOBER, -100, "chargebacks", net_cents=-80)
    earn(creator, OCTOBER.plus(-1), 5000)
    _count("ada", "fans", 321, month=8)
    _count("ada", "replies", 12)
    _count("ada", "messages_sent", 99, month=9)
    _count("ada", "likes", 4)

    assert list(read_creators(SLOT, "", "")) == [
        Reading(
            "ada",
            organization.pk,
            {"fans": 321, "replies": 12, "earned_gross_cents": 900, "earned_net_cents": 720},
            "USD",
        )
    ]


def test_earnings_in_two_currencies_are_not_added_up() -> None:
    creator = make_creator(make_organization(), onlyfans_user_id="ada")
    earn(creator, OCTOBER, 1000, "tips", currency="USD")
    earn(creator, OCTOBER, 1000, "posts", currency="EUR")
    _count("ada", "fans", 3)

    (reading,) = read_creators(SLOT, "", "")
    assert reading.metrics == {"fans": 3}
    assert reading.error == "This month's earnings are in EUR and USD: they can't be added up."


def test_ranges_hold_every_creator_once() -> None:
    organization = make_organization()
    for user_id in ("b", "a", "c", "e", "d"):
        make_creator(organization, onlyfans_user_id=user_id)
    make_creator(organization, onlyfans_user_id="0", status=CreatorAccount.Status.CLOSED)

    bounds = list(split_creators(2))
    assert bounds == ["", "c", "e"]
    found = [
        [reading.creator for reading in read_creators(SLOT, first, before)]
        for first, before in zip(bounds, [*bounds[1:], ""], strict=True)
    ]
    assert found == [["a", "b"], ["c", "d"], ["e"]]


def test_without_creators_nothing_is_expected() -> None:
    assert list(split_creators(2)) == []


def test_creators_are_found_and_named() -> None:
    organization = make_organization()
    creator = make_creator(organization, onlyfans_user_id="ada", display_name="Ada Star")
    make_creator(make_organization(), display_name="Adam")
    source = find_source("onlyfans")
    assert source is not None

    assert [one.creator for one in source.search("ada", organization.pk, 10)] == ["ada"]
    assert [one.name for one in source.search("ada", None, 10)] == ["Ada Star", "Adam"]
    (named,) = source.describe(["ada", "unknown"])
    assert (named.name, named.address) == ("Ada Star", f"/admin/onlyfans/creatoraccount/{creator.pk}/change/")


def test_revenue_is_each_row_of_the_truth() -> None:
    creator = make_creator(make_organization(), onlyfans_user_id="ada")
    row = earn(creator, OCTOBER, 1000, net_cents=800)
    source = find_revenue_source("onlyfans")
    assert source is not None

    assert list(source.facts()) == [("ada", creator.organization_id, OCTOBER.first_day, "tips", "USD", 1000, 800)]
    row.refresh_from_db()
    assert list(source.changes(row.changed_at)) == [("ada", OCTOBER.first_day)]
    assert list(source.changes(row.changed_at + dt.timedelta(microseconds=1))) == []
