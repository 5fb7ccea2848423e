"""Hours of usage are recomputed whole: late, changed and repeated events end in the same hours."""

import datetime as dt
import zoneinfo
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from billing.models import Invoice, Meter, UsageEvent, UsageHour
from billing.services.usage import aggregate_hour, list_hours_to_aggregate
from common.clock import iso, now
from jobs.models import JobRun
from jobs.registry import get_job
from tests.factories.billing import AUGUST, make_organization, make_plan, price_meter, use
from tests.factories.runs import bill, bill_here, run

HOUR = dt.datetime(2026, 8, 10, 9, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


class Metered:
    """An organization whose messages are counted."""

    def __init__(self, **fields: Any) -> None:
        self.meter, _ = Meter.objects.get_or_create(code="messages", defaults={"unit_name": "message"})
        self.organization: Organization = make_organization(**fields)
        self._keys = 0

    def happen(self, at: dt.datetime, quantity: str = "1", key: str = "", **fields: Any) -> UsageEvent:
        self._keys += 1
        return UsageEvent.objects.create(
            organization=self.organization, meter=self.meter, quantity=Decimal(quantity), occurred_at=at,
            idempotency_key=key or f"key-{self._keys}", **fields,
        )  # fmt: skip

    @property
    def hours(self) -> dict[dt.datetime, Decimal]:
        return dict(UsageHour.objects.filter(organization=self.organization).values_list("hour", "quantity"))


@pytest.mark.django_db
def test_an_hour_ends_where_the_next_begins() -> None:
    metered = Metered()
    for at, quantity in (
        (HOUR - dt.timedelta(microseconds=1), "1"),
        (HOUR, "10.5"),
        (HOUR + 59 * MINUTE, "100.000001"),
        (HOUR + 60 * MINUTE, "1000"),
    ):
        metered.happen(at, quantity)
    assert aggregate_hour(HOUR) == 1
    assert metered.hours == {HOUR: Decimal("110.500001")}


@pytest.mark.django_db
def test_late_changed_and_deleted_events_end_in_the_same_hours() -> None:
    metered = Metered()
    first = metered.happen(HOUR, "3")
    assert aggregate_hour(HOUR) == 1
    assert aggregate_hour(HOUR) == 0
    late = metered.happen(HOUR + MINUTE, "4")
    assert aggregate_hour(HOUR) == 1
    assert metered.hours == {HOUR: Decimal(7)}
    UsageEvent.objects.filter(pk=first.pk).update(quantity=Decimal("0.5"))
    assert aggregate_hour(HOUR) == 1
    assert metered.hours == {HOUR: Decimal("4.5")}
    UsageEvent.objects.filter(pk=late.pk).update(occurred_at=HOUR + 60 * MINUTE)
    assert aggregate_hour(HOUR) + aggregate_hour(HOUR + 60 * MINUTE) == 2
    assert metered.hours == {HOUR: Decimal("0.5"), HOUR + 60 * MINUTE: Decimal(4)}
    UsageEvent.objects.all().delete()
    assert aggregate_hour(HOUR) == 1
    assert aggregate_hour(HOUR) == 0
    assert metered.hours == {HOUR: Decimal(0), HOUR + 60 * MINUTE: Decimal(4)}


events = st.tuples(st.integers(0, 3), st.integers(0, 59), st.integers(-5, 50))


@pytest.mark.django_db
@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.one_of(events, st.integers(0, 3)), max_size=12))
def test_the_order_of_events_and_runs_does_not_matter(story: list[tuple[int, int, int] | int]) -> None:
    """A number is a run of that hour; in the end all hours are run once more."""
    with transaction.atomic():
        metered = Metered()
        expected: dict[dt.datetime, Decimal] = {}
        for part in story:
            if isinstance(part, int):
                aggregate_hour(HOUR + part * 60 * MINUTE)
            else:
                hour, minute, quantity = part
                metered.happen(HOUR + (60 * hour + minute) * MINUTE, str(quantity))
                start = HOUR + 60 * hour * MINUTE
                expected[start] = expected.get(start, Decimal(0)) + quantity
        for hour in range(4):
            aggregate_hour(HOUR + 60 * hour * MINUTE)
        assert metered.hours == expected
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_organizations_and_meters_are_kept_apart() -> None:
    one, other, suspended = Metered(), Metered(), Metered(status="suspended")
    for metered, quantity in ((one, "1"), (other, "2"), (suspended, "4")):
        metered.happen(HOUR, quantity)
    one.meter = Meter.objects.create(code="tokens", unit_name="token")
    one.happen(HOUR, "8")
    aggregate_hour(HOUR)
    assert sorted(UsageHour.objects.values_list("organization", "meter__code", "quantity")) == [
        (one.organization.pk, "messages", Decimal(1)),
        (one.organization.pk, "tokens", Decimal(8)),
        (other.organization.pk, "messages", Decimal(2)),
        (suspended.organization.pk, "messages", Decimal(4)),
    ]


@pytest.mark.django_db
def test_an_event_is_known_by_its_key_within_its_organization() -> None:
    one, other = Metered(), Metered()
    one.happen(HOUR, "1", key="same")
    other.happen(HOUR, "2", key="same")
    with pytest.raises(IntegrityError), transaction.atomic():
        one.happen(HOUR + MINUTE, "5", key="same")
    UsageEvent.objects.bulk_create(
        [
            UsageEvent(
                organization=one.organization, meter=one.meter, quantity=5, occurred_at=HOUR, idempotency_key="same"
            )
        ],
        ignore_conflicts=True,
    )
    aggregate_hour(HOUR)
    assert (one.hours, other.hours) == ({HOUR: Decimal(1)}, {HOUR: Decimal(2)})


@pytest.mark.django_db(transaction=True)
def test_two_at_once_on_one_hour_take_turns() -> None:
    metered = [Metered() for _ in range(5)]
    for one in metered:
        one.happen(HOUR, "2")
    together = Barrier(4)

    def aggregate(_: int) -> int:
        try:
            together.wait()
            return aggregate_hour(HOUR)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        changed = sorted(pool.map(aggregate, range(4)))
    assert changed == [0, 0, 0, 5]
    assert [one.hours for one in metered] == [{HOUR: Decimal(2)}] * 5


@pytest.mark.django_db(transaction=True)
def test_the_job_takes_the_hour_and_those_that_events_came_late_for() -> None:
    metered = Metered()
    metered.happen(HOUR + MINUTE, "1")
    metered.happen(HOUR - 50 * MINUTE, "2")
    metered.happen(HOUR - dt.timedelta(days=40), "4")
    metered.happen(now() + MINUTE, "8")
    ended = run("hourly-usage", hour=iso(HOUR + 30 * MINUTE))
    keys = [HOUR - dt.timedelta(days=40), HOUR - 60 * MINUTE, HOUR]
    assert list(ended.items.order_by("id").values_list("key", flat=True)) == [iso(hour) for hour in keys]
    assert [item.result for item in ended.items.order_by("id")] == [{"rows": 1}] * 3
    assert metered.hours == dict(zip(keys, map(Decimal, (4, 2, 1)), strict=True))


@pytest.mark.django_db(transaction=True)
def test_after_an_outage_nothing_is_left_out() -> None:
    """Events that were received while nobody aggregated for days."""
    metered = Metered()
    hour = now().replace(minute=0, second=0, microsecond=0)
    run("hourly-usage")
    lost = hour - dt.timedelta(days=4)
    metered.happen(lost, "5", received_at=lost)
    _date_back_runs(5)
    run("hourly-usage")
    assert metered.hours == {lost: Decimal(5)}
    again = run("hourly-usage")
    assert again.expected == 1


def _date_back_runs(days: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_jobrun SET created_at = created_at - %s::interval, "
            "started_at = started_at - %s::interval, finished_at = finished_at - %s::interval",
            [f"{days} days"] * 3,
        )


@pytest.mark.django_db
def test_without_a_former_run_all_is_taken() -> None:
    metered = Metered()
    long_ago = HOUR - dt.timedelta(days=400)
    metered.happen(long_ago, "5", received_at=long_ago)
    assert long_ago in list_hours_to_aggregate(HOUR)


@pytest.mark.django_db(transaction=True)
def test_usage_that_the_plan_does_not_price_is_said_on_the_item() -> None:
    plan = make_plan(base_fee_cents=100)
    organization = make_organization(plan)
    use(organization, price_meter(make_plan(code="other"), "seats", "1"), AUGUST, "3")
    use(organization, price_meter(plan, "messages", "1"), AUGUST, "0")
    item = bill(AUGUST).items.get()
    assert item.result["usage_without_a_price"] == ["seats"]
    assert [line.kind for line in Invoice.objects.get().lines.all()] == ["base_fee"]


@pytest.mark.django_db
def test_a_month_is_billed_from_its_hours_in_utc() -> None:
    plan = make_plan()
    meter = price_meter(plan, "messages", "1")
    organization = make_organization(plan)
    metered = Metered()
    metered.organization, metered.meter = organization, meter
    edges = [AUGUST.starts_at - MINUTE, AUGUST.starts_at, AUGUST.ends_at - MINUTE, AUGUST.ends_at]
    with connection.cursor() as cursor:
        # Whatever the database's own time zone is.
        cursor.execute("SET LOCAL TIME ZONE 'America/Los_Angeles'")
        for at, quantity in zip(edges, ("1", "10", "100", "1000"), strict=True):
            metered.happen(at, quantity)
            aggregate_hour(at.replace(minute=0))
        bill_here(AUGUST, organization.pk)
    line = Invoice.objects.get(month=AUGUST.first_day).lines.get(kind="usage")
    assert (line.quantity, line.amount_cents) == (Decimal(110), 110)


@pytest.mark.django_db
def test_fifty_thousand_events_are_one_statement() -> None:
    metered = Metered()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO billing_usageevent
                (organization_id, meter_id, quantity, occurred_at, idempotency_key, received_at)
            SELECT %s, %s, 0.25, %s + make_interval(secs => n %% 3600), 'bulk-' || n, now()
            FROM generate_series(1, 50000) n
            """,
            [metered.organization.pk, metered.meter.pk, HOUR],
        )
    assert aggregate_hour(HOUR) == 1
    assert metered.hours == {HOUR: Decimal(12_500)}


@pytest.mark.django_db(transaction=True)
def test_an_hour_that_failed_is_looked_at_again() -> None:
    metered = Metered()
    JobRun.objects.create(
        job="hourly-usage", trigger="schedule", status="partial", started_at=now(), finished_at=now(), failed=1
    )
    long_ago = HOUR - dt.timedelta(days=3)
    metered.happen(long_ago, "5", received_at=long_ago)
    run("hourly-usage")
    assert metered.hours == {long_ago: Decimal(5)}


@pytest.mark.parametrize("slot", ["2026-10-25T00:00Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z", "2026-03-29T01:00Z"])
def test_a_schedule_elsewhere_asks_for_the_hour_before_though_clocks_are_changed_there(slot: str) -> None:
    at = dt.datetime.fromisoformat(slot)
    asked = get_job("hourly-usage").scheduled(at.astimezone(zoneinfo.ZoneInfo("Europe/Berlin")))
    assert asked == {"hour": at - dt.timedelta(hours=1)}
    assert asked["hour"].tzinfo == dt.UTC
