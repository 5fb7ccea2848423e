"""Figures that staff enter are versions like any other, and every version can be looked at with why it stands."""

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from common.money import format_number
from onlyfans.explaining import LAST, RECEIVED_AT_ONCE, choose, explain_version
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision
from tests.factories.billing import make_creator, make_organization
from tests.factories.earnings import NOW, TOTAL, make_row, see_month, take_in
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
PARTS = {"tips": (1_000, 800), "posts": (500, 400)}


@pytest.fixture
def aurora() -> CreatorAccount:
    return make_creator(make_organization(), onlyfans_user_id="of_aurora", display_name="Aurora Star")


def correct(row: EarningsAggregate, group: str = "Finance", **values: str) -> int:
    address = reverse("admin:onlyfans_earningsaggregate_change", args=[row.pk])
    shown = {name: format_number(Decimal(getattr(row, name)), row.currency) for name in ("gross_cents", "net_cents")}
    given = {**shown, "currency": row.currency, **values}
    return log_in(group).post(address, given).status_code


def test_a_correction_is_a_version_and_leaves_the_other_categories(aurora: CreatorAccount) -> None:
    take_in(make_row(parts=PARTS))
    row = EarningsAggregate.objects.get(category="tips")
    assert correct(row, gross_cents="20", net_cents="16") == 302
    assert see_month(aurora) == {"tips": (2_000, 1_600), "posts": (500, 400)}
    first, second = EarningsRevision.objects.order_by("received_at")
    assert (first.source, first.parts) == ("api", {"tips": [1_000, 800], "posts": [500, 400]})
    assert (second.source, second.parts) == ("staff", {"tips": [2_000, 1_600], "posts": [500, 400]})
    assert set(EarningsAggregate.objects.values_list("revision", "source")) == {(second.pk, "staff")}
    entry = AuditEntry.objects.get(verb="change")
    assert (entry.before["gross_cents"], entry.after["gross_cents"]) == ("USD 10.00", "USD 20.00")


def test_a_correction_stands_even_before_what_a_fast_clock_dated(aurora: CreatorAccount) -> None:
    take_in(make_row(received_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=4)))
    assert correct(EarningsAggregate.objects.get(), gross_cents="0.07") == 302
    assert see_month(aurora) == {TOTAL: (7, 800)}


def test_a_form_sent_as_it_was_is_no_version(aurora: CreatorAccount) -> None:
    take_in(make_row())
    assert correct(EarningsAggregate.objects.get()) == 302
    assert EarningsRevision.objects.count() == 1
    assert not AuditEntry.objects.filter(verb="change").exists()


def test_a_month_has_one_currency(aurora: CreatorAccount) -> None:
    take_in(make_row(parts=PARTS))
    row = EarningsAggregate.objects.get(category="tips")
    assert correct(row, currency="EUR") == 200
    take_in(make_row(parts={"tips": (1_000, 800)}, received_at=NOW + dt.timedelta(seconds=1)))
    assert correct(row, currency="EUR") == 302
    assert set(EarningsAggregate.objects.values_list("currency", flat=True)) == {"EUR"}


def test_a_later_version_replaces_what_staff_entered_and_keeps_it(aurora: CreatorAccount) -> None:
    take_in(make_row())
    correct(EarningsAggregate.objects.get(), gross_cents="0.07")
    later = make_row(parts={"tips": (9, 9)}, received_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    assert take_in(later) == ["updated"]
    assert see_month(aurora) == {TOTAL: (0, 0), "tips": (9, 9)}
    assert EarningsRevision.objects.filter(source="staff").count() == 1


def test_the_versions_of_a_month_are_shown_with_why_each_stands_or_not(aurora: CreatorAccount) -> None:
    minute, file = dt.timedelta(minutes=1), {"bucket": "results", "key": "jobs/1/result.json"}
    take_in(
        make_row(cents=111_100, received_at=NOW),
        make_row(cents=222_200, received_at=NOW + 3 * minute, etag="a", sequencer="1F", **file),
        make_row(cents=333_300, received_at=NOW + 2 * minute, etag="b", sequencer="2F", **file),
    )
    shown = [
        reverse("admin:onlyfans_earningsaggregate_change", args=[EarningsAggregate.objects.get().pk]),
        *(reverse("admin:onlyfans_earningsrevision_change", args=[one.pk]) for one in EarningsRevision.objects.all()),
    ]
    for address in shown:
        page = log_in("Read only").get(address)
        (panel,) = [one for one in page.context["panels"] if one.title.startswith("Versions of")]
        assert [(row[4].text, row[1].text, row[2]) for row in panel.rows] == [
            ("USD 2,222.00", "Replaced", "A newer version of the same file came."),
            ("USD 3,333.00", "Stands", "It was received last."),
            ("USD 1,111.00", "Replaced", "What stands was received later."),
        ]
    assert "s3://results/jobs/1/result.json" in page.content.decode()


def test_of_versions_received_at_once_it_is_not_said_that_one_was_later(aurora: CreatorAccount) -> None:
    take_in(make_row(cents=1), make_row(cents=2))
    versions = [one.read() for one in EarningsRevision.objects.all()]
    said = {one == choose(versions): explain_version(one, versions) for one in versions}
    assert said == {True: LAST, False: RECEIVED_AT_ONCE}


def test_a_creators_page_shows_its_months(aurora: CreatorAccount) -> None:
    take_in(make_row(cents=1), make_row(cents=123_456, received_at=NOW + dt.timedelta(seconds=1)))
    page = log_in("Read only").get(reverse("admin:onlyfans_creatoraccount_change", args=[aurora.pk]))
    (panel,) = [one for one in page.context["panels"] if one.title == "Earnings"]
    ((month, gross, _net, source, _received, versions),) = panel.rows
    assert (month.text, gross.text, source, versions.text) == ("October 2026", "USD 1,234.56", "api", "2")


def test_the_list_of_versions_says_which_stand_and_nobody_changes_any(aurora: CreatorAccount) -> None:
    take_in(make_row(cents=1), make_row(cents=2, received_at=NOW + dt.timedelta(seconds=1)))
    client = log_in(superuser=True)
    page = client.get(reverse("admin:onlyfans_earningsrevision_changelist")).content.decode()
    assert (page.count("Stands"), page.count("Replaced")) == (1, 1)
    one = EarningsRevision.objects.earliest("pk")
    for action in ("change", "delete"):
        address = reverse(f"admin:onlyfans_earningsrevision_{action}", args=[one.pk])
        assert client.post(address, {"source": "x", "post": "yes"}).status_code == 403
    assert EarningsRevision.objects.count() == 2
