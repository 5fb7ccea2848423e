"""What staff enter stands over what is only said again, and gives way to what is new."""

import datetime as dt
from typing import Any

import pytest
from django.urls import reverse

from alerts.models import Incident
from alerts.services.watching import tick
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision
from onlyfans.selectors import list_overruled
from onlyfans.services.ingesting import IncomingAggregate, correct_category, ingest_call
from tests.factories.billing import make_creator, make_organization
from tests.factories.earnings import NOW, OCTOBER, make_row, see_month, take_in
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
FILE = {"source": "result file", "bucket": "results", "etag": "e"}
REPEATED = "It repeats what its source had said before staff corrected it."
ENTERED = "Staff entered it, and nothing else was said since."


@pytest.fixture
def aurora() -> CreatorAccount:
    return make_creator(make_organization(), onlyfans_user_id="of_aurora", display_name="Aurora Star")


def pulled(cents: int, days: int, **values: Any) -> IncomingAggregate:
    """What the gateway, or another source, says after so many days."""
    given: dict[str, Any] = {
        "source": "gateway",
        "received_at": NOW + days * DAY,
        "parts": {"tips": (cents, cents)},
        **values,
    }
    return make_row(**given)


def correct(creator: CreatorAccount, cents: int, days: int) -> None:
    correct_category(creator.pk, OCTOBER.first_day, "tips", (cents, cents), "USD", NOW + days * DAY)


def explain(creator: CreatorAccount) -> list[tuple[str, str, str]]:
    """Gross, state and reason of each version, the newest first, as the creator's month shows them."""
    row = EarningsAggregate.objects.filter(creator=creator)[0]
    page = log_in("Read only").get(reverse("admin:onlyfans_earningsaggregate_change", args=[row.pk]))
    (panel,) = [one for one in page.context["panels"] if one.title.startswith("Versions of")]
    return [(row[4].text, row[1].text, row[2]) for row in panel.rows]


def test_the_same_figures_pulled_again_leave_a_correction_standing(aurora: CreatorAccount) -> None:
    take_in(pulled(1_000, 0))
    correct(aurora, 900, 1)
    assert take_in(pulled(1_000, 2)) == ["unchanged"]
    assert take_in(pulled(1_000, 3)) == ["unchanged"]
    assert see_month(aurora) == {"tips": (900, 900)}
    assert EarningsRevision.objects.count() == 2
    assert explain(aurora) == [("USD 10.00", "Replaced", REPEATED), ("USD 9.00", "Stands", ENTERED)]


def test_a_correction_that_holds_is_known_as_of_what_was_said_last(aurora: CreatorAccount) -> None:
    take_in(pulled(1_000, 0))
    correct(aurora, 900, 1)
    take_in(pulled(1_000, 2))
    row = EarningsAggregate.objects.get()
    assert (row.source, row.received_at) == ("staff", NOW + 2 * DAY)
    assert EarningsRevision.objects.get(source="staff").received_at == NOW + DAY


def test_new_figures_stand_and_so_do_the_former_ones_after_them(aurora: CreatorAccount) -> None:
    take_in(pulled(1_000, 0))
    correct(aurora, 900, 1)
    assert take_in(pulled(1_100, 2)) == ["updated"]
    assert see_month(aurora) == {"tips": (1_100, 1_100)}
    assert explain(aurora)[1] == ("USD 9.00", "Replaced", "A source said something else after staff had entered it.")
    take_in(pulled(1_000, 3))
    assert see_month(aurora) == {"tips": (1_000, 1_000)}


def test_a_zero_that_is_named_and_one_that_is_not_are_the_same(aurora: CreatorAccount) -> None:
    take_in(pulled(1_000, 0))
    correct(aurora, 900, 1)
    take_in(pulled(1_000, 2, parts={"tips": (1_000, 1_000), "posts": (0, 0)}))
    assert see_month(aurora)["tips"] == (900, 900)


def test_other_figures_in_another_currency_are_new(aurora: CreatorAccount) -> None:
    take_in(pulled(1_000, 0))
    correct(aurora, 900, 1)
    take_in(pulled(1_000, 2, currency="EUR"))
    assert see_month(aurora) == {"tips": (1_000, 1_000)}


def test_each_source_is_held_to_what_it_had_said_itself(aurora: CreatorAccount) -> None:
    """A worker's next file with the same figures is nothing new; what the gateway says now was said by another only."""
    take_in(pulled(1_000, 0), pulled(1_200, 1, key="jobs/1/result.json", **FILE))
    correct(aurora, 900, 2)
    take_in(pulled(1_200, 3, key="jobs/2/result.json", **FILE), pulled(1_000, 4))
    assert see_month(aurora) == {"tips": (900, 900)}
    take_in(pulled(1_200, 5))
    assert see_month(aurora) == {"tips": (1_200, 1_200)}


def test_what_comes_late_ends_a_correction_by_its_own_time(aurora: CreatorAccount) -> None:
    """In either order: the gateway repeats itself on the fourth day, a worker had seen other figures on the third."""
    news = pulled(1_500, 3, key="jobs/1/result.json", **FILE)
    for late in (False, True):
        EarningsAggregate.objects.all().delete()
        EarningsRevision.objects.all().delete()
        take_in(pulled(1_000, 0))
        correct(aurora, 900, 1)
        for row in (pulled(1_000, 4), news) if late else (news, pulled(1_000, 4)):
            take_in(row)
        assert see_month(aurora) == {"tips": (1_000, 1_000)}


def test_a_second_correction_is_held_to_what_is_said_by_then(aurora: CreatorAccount) -> None:
    take_in(pulled(1_000, 0))
    correct(aurora, 900, 1)
    take_in(pulled(1_100, 2))
    correct(aurora, 950, 3)
    take_in(pulled(1_100, 4))
    assert see_month(aurora) == {"tips": (950, 950)}
    take_in(pulled(1_000, 5))
    assert see_month(aurora) == {"tips": (1_000, 1_000)}


def test_what_staff_entered_first_gives_way_to_the_first_source(aurora: CreatorAccount) -> None:
    correct(aurora, 900, 1)
    assert take_in(pulled(1_000, 2)) == ["updated"]
    assert see_month(aurora) == {"tips": (1_000, 1_000)}


@pytest.mark.parametrize("rows", [1, 2])
def test_a_call_is_held_to_it_as_well(aurora: CreatorAccount, rows: int) -> None:
    """One row of a call has a way of its own through the database."""
    other = make_row("of_other")

    def call(cents: int, days: int) -> str:
        return str(ingest_call([pulled(cents, days, source="api"), other][:rows], NOW, 0)[0])

    assert call(1_000, 0) == "created"
    correct(aurora, 900, 1)
    assert call(1_000, 2) == "unchanged"
    assert see_month(aurora) == {"tips": (900, 900)}
    assert EarningsAggregate.objects.get().received_at == NOW + 2 * DAY
    assert call(1_100, 3) == "updated"
    assert call(1_000, 4) == "updated"
    assert see_month(aurora) == {"tips": (1_000, 1_000)}


def test_staff_hear_of_a_correction_that_no_longer_stands(aurora: CreatorAccount) -> None:
    incidents = Incident.objects.filter(condition="correction-overruled")
    take_in(pulled(1_000, 0))
    correct(aurora, 900, 1)
    take_in(pulled(1_000, 2))
    tick()
    assert not incidents.exists()
    take_in(pulled(1_100, 3))
    tick()
    incident = incidents.get()
    assert (incident.title, incident.scope) == (
        f"Aurora Star of {aurora.organization}: the correction of October 2026 was overruled",
        f"{aurora.pk} 2026-10",
    )
    assert log_in("Finance").get(incident.link).status_code == 200
    correct(aurora, 950, 4)
    tick()
    incident.refresh_from_db()
    assert incident.resolved_at is not None


def test_what_changed_long_ago_is_no_news(aurora: CreatorAccount) -> None:
    take_in(pulled(1_000, 0))
    correct(aurora, 900, 1)
    take_in(pulled(1_100, 2))
    changed = EarningsAggregate.objects.get().changed_at
    assert [one.creator_id for one in list_overruled(changed - DAY)] == [aurora.pk]
    assert not list_overruled(changed).exists()
