"""What comes before its creator waits, and is taken in by itself when the creator is there."""

import datetime as dt

import pytest
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from accounts.models import AuditEntry
from onlyfans.checks import find_unmatched
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision, UnmatchedAggregate
from onlyfans.services.ingesting import attach_unmatched
from onlyfans.tasks import attach_earnings
from tests.factories.billing import make_creator, make_organization
from tests.factories.earnings import NOW, TOTAL, make_row, see_month, take_in
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
SECOND = dt.timedelta(seconds=1)


def make_aurora() -> CreatorAccount:
    return make_creator(make_organization(), onlyfans_user_id="of_aurora", display_name="Aurora Star")


def test_what_waited_is_taken_in_with_its_order_and_its_time() -> None:
    rows = make_row(cents=3_000, received_at=NOW + SECOND), make_row(cents=1_000), make_row("of_other")
    assert take_in(*rows) == ["unmatched"] * 3
    aurora = make_aurora()
    assert attach_unmatched(NOW) == 2
    assert see_month(aurora) == {TOTAL: (3_000, 2_400)}
    assert set(EarningsRevision.objects.values_list("received_at", flat=True)) == {NOW, NOW + SECOND}
    assert UnmatchedAggregate.objects.get().onlyfans_user_id == "of_other"
    assert attach_unmatched(NOW) == 0


def test_what_came_since_then_still_wins() -> None:
    take_in(make_row(cents=1_000))
    aurora = make_aurora()
    assert take_in(make_row(cents=2_000, received_at=NOW + SECOND)) == ["created"]
    attach_unmatched(NOW)
    assert see_month(aurora) == {TOTAL: (2_000, 1_600)}


def test_the_same_object_waits_once_and_its_newest_put_counts() -> None:
    first = make_row(bucket="b", key="k", etag="e", sequencer="1F")
    take_in(first, first)
    take_in(make_row(bucket="b", key="k", etag="e", sequencer="2F", received_at=NOW + SECOND))
    assert list(UnmatchedAggregate.objects.values_list("sequencer", "received_at")) == [("2F", NOW + SECOND)]


def test_a_creator_added_in_the_admin_has_its_earnings_at_once() -> None:
    take_in(make_row("of_new", cents=5_000))
    organization, client = make_organization(), log_in("Operations")
    values = {"organization": organization.pk, "display_name": "New", "onlyfans_user_id": "of_new", "status": "active"}
    created = {"created_at_0": "2026-01-01", "created_at_1": "00:00:00"}
    answer = client.post(reverse("admin:onlyfans_creatoraccount_add"), values | created)
    assert answer.status_code == 302
    assert see_month(CreatorAccount.objects.get()) == {TOTAL: (5_000, 4_000)}
    assert not UnmatchedAggregate.objects.exists()


def test_a_creator_that_comes_otherwise_has_them_with_the_sweep() -> None:
    take_in(*(make_row(f"of_{place}") for place in range(450)))
    organization = make_organization()
    CreatorAccount.objects.bulk_create(
        CreatorAccount(organization=organization, onlyfans_user_id=f"of_{place}", display_name="x")
        for place in range(450)
    )
    attach_earnings()
    assert EarningsAggregate.objects.count() == 450
    assert not UnmatchedAggregate.objects.exists()
    entries = AuditEntry.objects.filter(verb="attach")
    assert (entries.count(), entries[0].after) == (450, {"earnings": {"created": 1}})
    assert PeriodicTask.objects.get(name="attach-earnings").task == "onlyfans.attach_earnings"


def test_staff_see_what_waits_and_change_nothing() -> None:
    take_in(make_row("of_stranger", cents=123_456))
    client, address = log_in("Support"), reverse("admin:onlyfans_unmatchedaggregate_changelist")
    page = client.get(address).content.decode()
    assert "of_stranger" in page and "USD 1,234.56" in page
    one = UnmatchedAggregate.objects.get()
    change = reverse("admin:onlyfans_unmatchedaggregate_change", args=[one.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"source": "x"}).status_code == 403


def test_what_waits_for_a_day_is_told() -> None:
    take_in(make_row("of_stranger"), make_row("of_other"), make_row("of_other", cents=5))
    UnmatchedAggregate.objects.update(recorded_at=dt.datetime.now(dt.UTC))
    assert list(find_unmatched()) == []
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)
    UnmatchedAggregate.objects.update(recorded_at=since)
    (finding,) = find_unmatched()
    assert (finding.title, finding.since, finding.count) == ("Earnings of 2 OnlyFans users have no creator", since, 2)
    assert "OnlyFans user id of_other and of_stranger," in finding.detail
