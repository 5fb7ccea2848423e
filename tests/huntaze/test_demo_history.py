"""The demo's snapshots: one creator leaps, and nobody else, on whatever day of the month somebody looks."""

import datetime as dt

import pytest

from analytics.models import ProviderSnapshot, slot_of
from analytics.registry import find_source
from analytics.services.snapshots import take_snapshots
from common.clock import Month, clock_set_to
from huntaze.demo_history import add_former_earnings, add_snapshots
from tests.factories.billing import make_creator, make_organization

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("day", [1, 2, 15, 31])
def test_only_one_creator_leaps(day: int) -> None:
    moment = dt.datetime(2026, 12, day, 3, 30, tzinfo=dt.UTC)
    organization = make_organization()
    for number in (11, 71, 81):
        make_creator(organization, onlyfans_user_id=f"demo{number:03}")
    with clock_set_to(moment):
        add_former_earnings(0, {"subscriptions": 60, "tips": 15}, Month(2026, 11))
        add_snapshots(moment)
        source = find_source("onlyfans")
        assert source is not None
        take_snapshots(source, slot_of(moment), "", "", moment)
    leapt = ProviderSnapshot.objects.exclude(jumps={}).values_list("creator", "jumps")
    assert [(creator, list(jumps)) for creator, jumps in leapt] == [("demo071", ["fans"])]
