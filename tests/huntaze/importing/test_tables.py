"""What the records of each table become."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from accounts.models import AuditEntry, Organization, User
from analytics.models import Event
from billing.models import StripeEvent
from common.clock import now
from huntaze.importing.values import as_json, as_python, read_instant
from huntaze.models import ImportReject
from jobs.models import JobRun
from onlyfans.models import CreatorAccount, EarningsAggregate
from tests.factories.billing import AUGUST, make_creator, make_organization
from tests.factories.runs import run
from tests.factories.staff import make_staff
from tests.huntaze.importing.tables import Tables, tables

__all__ = ["tables"]
pytestmark = pytest.mark.django_db(transaction=True)


BCRYPT = "$2b$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


def bring(tables: Tables, table: str, *items: dict[str, Any], **keys: str) -> dict[str, int]:
    tables.make(table, *items, **keys)
    return counts(again(table))


def again(table: str) -> JobRun:
    return run("import-dynamodb", table=table)


def counts(of: JobRun) -> dict[str, int]:
    assert of.status == "succeeded", list(of.items.values_list("error", flat=True))
    return {
        name: of.summary[name] for name in ("created", "updated", "unchanged", "kept", "rejected") if of.summary[name]
    }


def refused() -> dict[str, dict[str, str]]:
    return dict(ImportReject.objects.values_list("key", "reasons"))


ADA = {
    "userId": "u-1",
    "email": "Ada@Example.test",
    "name": "Ada",
    "createdAt": "2024-03-05T10:00:00Z",
    "onlyfansUserId": "of_ada",
    "company": "Ada & Co.",
    "favouriteColour": "red",
}


def test_a_user_becomes_a_user_an_organization_and_a_creator(tables: Tables) -> None:
    assert bring(tables, "users", ADA, hash_key="userId") == {"created": 1}
    user, organization, creator = User.objects.get(), Organization.objects.get(), CreatorAccount.objects.get()
    assert (user.email, user.name, user.role, user.is_staff, user.is_active) == (
        "ada@example.test", "Ada", "owner", False, True,
    )  # fmt: skip
    assert (organization.pk, organization.name, user.organization_id) == ("org_u-1", "Ada & Co.", "org_u-1")
    assert (creator.onlyfans_user_id, creator.organization_id, creator.display_name) == ("of_ada", "org_u-1", "Ada")
    assert creator.created_at == user.date_joined == dt.datetime(2024, 3, 5, 10, tzinfo=dt.UTC)
    assert not user.has_usable_password()
    assert AuditEntry.objects.filter(verb="import", actor_name="Import from DynamoDB").count() == 3
    assert counts(again("users")) == {"unchanged": 1}


def test_names_with_underscores_do_as_well(tables: Tables) -> None:
    agency = {"organization_id": "agency-7", "organization_name": "Agency", "role": "member", "created_at": 1709632800}
    first = {"user_id": "1", "email": "one@example.test", "full_name": "One", **agency}
    second = {"user_id": "2", "email": "two@example.test", "is_active": False, **agency, "role": "admin"}
    assert bring(tables, "users", first, second, hash_key="user_id") == {"created": 2}
    assert Organization.objects.get().name == "Agency"
    seen = {user.email: (user.role, user.is_active, user.organization_id) for user in User.objects.all()}
    assert seen == {
        "one@example.test": ("member", True, "agency-7"),
        "two@example.test": ("owner", False, "agency-7"),
    }
    assert User.objects.get(name="One").date_joined == dt.datetime(2024, 3, 5, 10, tzinfo=dt.UTC)


def test_what_changed_there_changes_here_and_nothing_else(tables: Tables) -> None:
    made = tables.make("users", ADA, hash_key="userId")
    again("users")
    Organization.objects.update(name="Named by staff")
    tables.put(made, {**ADA, "name": "Ada L.", "status": "suspended"})
    assert counts(again("users")) == {"updated": 1}
    user = User.objects.get()
    assert (user.name, user.is_active, Organization.objects.get().name) == ("Ada L.", False, "Named by staff")


def test_nobody_becomes_staff_or_takes_what_is_somebody_else_s(tables: Tables) -> None:
    staff, other = make_staff("Finance"), make_organization()
    User.objects.create(email="taken@example.test", organization=other)
    make_creator(other, onlyfans_user_id="of_taken")
    users: list[dict[str, Any]] = [
        {"id": "1", "email": staff.email, "isStaff": True},
        {"id": "2", "email": "taken@example.test"},
        {"id": "3", "email": "new@example.test", "ofUserId": "of_taken"},
        {"id": "4", "email": "bad", "createdAt": "yesterday"},
        {"id": "5", "email": "boss@example.test", "isStaff": True, "role": "staff"},
    ]
    assert bring(tables, "users", *users) == {"created": 1, "rejected": 4}
    assert refused() == {
        "1": {"email": "Somebody with this address is staff here, and left alone."},
        "2": {"email": f"Somebody with this address belongs to {other.pk} here."},
        "3": {"onlyfansUserId": f"This creator belongs to {other.pk} here."},
        "4": {"email": "This is no e-mail address.", "createdAt": "This is no instant."},
    }
    assert User.objects.get(email="boss@example.test").is_staff is False
    assert not User.objects.filter(email="new@example.test").exists()


def test_a_password_is_taken_over_only_in_a_format_that_is_checked_here(tables: Tables) -> None:
    ours = make_password("correct horse", hasher="md5")
    users: list[dict[str, Any]] = [
        {"id": "1", "email": "a@example.test", "passwordHash": ours},
        {"id": "2", "email": "b@example.test", "passwordHash": BCRYPT},
        {"id": "3", "email": "c@example.test", "password_hash": "plain"},
        {"id": "4", "email": "d@example.test", "passwordHash": f"bcrypt_sha256${BCRYPT}"},
    ]  # fmt: skip
    bring(tables, "users", *users)
    assert User.objects.get(email="a@example.test").check_password("correct horse")
    for email in ("b@example.test", "c@example.test", "d@example.test"):
        assert not User.objects.get(email=email).has_usable_password()


def test_aggregates_become_versions_of_a_month(tables: Tables) -> None:
    organization = make_organization()
    ada, boreal = (make_creator(organization, onlyfans_user_id=name) for name in ("of_ada", "of_boreal"))
    camel = {"categories": {"Tips": {"grossCents": 1_000, "netCents": 800}}, "updatedAt": "2026-09-01T00:00:00Z"}
    snake = {"gross_cents": 500, "net_cents": Decimal("400"), "received_at": 1788220800000}
    rows: list[dict[str, Any]] = [
        {"id": "1", "userId": "of_ada", "month": "2026-08", "currency": "USD", **camel},
        {"id": "2", "onlyfans_user_id": "of_boreal", "period": "2026-08-01", **snake},
        {"id": "3", "userId": "of_nobody", "month": "2026-08", "grossCents": 1, "netCents": 1},
        {"id": "4", "userId": "of_ada", "month": "2026-08", "gross": Decimal("10.5"), "net": Decimal("8.4")},
        {"id": "5", "userId": "of_ada", "month": "August", "grossCents": 1, "netCents": 1},
        {"id": "6", "userId": "of_ada", "month": "2026-08", "grossCents": Decimal("1.5"), "netCents": 1},
    ]
    assert bring(tables, "of-aggregates", *rows) == {"created": 2, "kept": 1, "rejected": 3}
    found = {(row.creator_id, row.category): (row.gross_cents, row.net_cents, row.source) for row in earnings()}
    assert found == {(ada.pk, "tips"): (1_000, 800, "dynamodb"), (boreal.pk, "uncategorized"): (500, 400, "dynamodb")}
    assert set(refused()) == {"4", "5", "6"}
    assert set(refused()["4"]) == {"grossCents", "netCents"}
    before = list(EarningsAggregate.objects.values())
    assert counts(again("of-aggregates")) == {"unchanged": 3, "rejected": 3}
    assert list(EarningsAggregate.objects.values()) == before


def earnings() -> list[EarningsAggregate]:
    return list(EarningsAggregate.objects.exclude(gross_cents=0))


def test_an_aggregate_of_the_former_system_never_wins_over_what_came_since(tables: Tables) -> None:
    creator = make_creator(make_organization(), onlyfans_user_id="of_ada")
    run_pulled(creator, 900)
    row = {"id": "1", "userId": "of_ada", "month": str(AUGUST), "grossCents": 100, "netCents": 80}
    bring(tables, "of-aggregates", row)
    assert [(row.gross_cents, row.source) for row in earnings()] == [(900, "gateway")]


def run_pulled(creator: CreatorAccount, cents: int) -> None:
    from onlyfans.services.ingesting import IncomingAggregate, ingest_aggregates

    parts = {"tips": (cents, cents * 8 // 10)}
    ingest_aggregates([IncomingAggregate(creator.onlyfans_user_id, AUGUST, "USD", parts, now(), "gateway")], now())


def test_events_are_recorded_each_once_with_all_that_they_say(tables: Tables) -> None:
    organization = make_organization()
    events: list[dict[str, Any]] = [
        {
            "id": "e1", "eventName": "message opened", "timestamp": 1788220800, "organizationId": organization.pk,
            "onlyfansUserId": "of_ada", "platform": "OnlyFans", "properties": {"price": Decimal("4.99"), "n": 3},
            "device": "phone", "tags": {"b", "a"},
        },
        {"id": "e2", "name": "login", "occurred_at": "2026-09-01T10:00:00", "userId": "gone"},
        {"id": "e3", "name": "login", "occurredAt": "soon"},
        {"id": "e4", "createdAt": "2026-09-01T10:00:00Z"},
    ]  # fmt: skip
    assert bring(tables, "analytics-events", *events) == {"created": 2, "rejected": 2}
    first, second = Event.objects.order_by("idempotency_key")
    assert (first.name, first.occurred_at) == ("message_opened", dt.datetime(2026, 9, 1, tzinfo=dt.UTC))
    assert (first.organization_id, first.creator, first.provider, first.source) == (
        organization.pk, "of_ada", "onlyfans", "dynamodb",
    )  # fmt: skip
    assert first.properties == {
        "price": "4.99", "n": 3, "device": "phone", "tags": ["a", "b"], "former_name": "message opened", "id": "e1",
        "organizationId": organization.pk,
    }  # fmt: skip
    assert (second.name, second.organization_id, second.properties["userId"]) == ("login", None, "gone")
    assert set(refused()) == {"e3", "e4"}
    assert counts(again("analytics-events")) == {"unchanged": 2, "rejected": 2}
    assert Event.objects.count() == 2


def stripe_event(number: int) -> dict[str, Any]:
    thing = {"id": f"in_{number}", "object": "invoice", "status": "paid", "total": 1_000}
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": "invoice.paid",
        "created": 1788220800,
        "data": {"object": thing},
    }


def test_stripe_s_events_are_kept_and_not_applied(tables: Tables) -> None:
    StripeEvent.objects.create(
        event_id="evt_1", type="invoice.paid", created_at=now(), source="webhook", status="done", body=stripe_event(1)
    )
    records: list[dict[str, Any]] = [
        {"id": "1", "body": json.dumps(stripe_event(1))},
        {"id": "2", "payload": stripe_event(2)},
        stripe_event(3),
        {"id": "4", "body": "{"},
        {"id": "5", "body": json.dumps({"object": "charge"})},
    ]
    assert bring(tables, "stripe-events", *records) == {"created": 2, "unchanged": 1, "rejected": 2}
    seen = {event.event_id: (event.status, event.source) for event in StripeEvent.objects.all()}
    assert seen == {
        "evt_1": ("done", "webhook"), "evt_2": ("ignored", "import"), "evt_3": ("ignored", "import"),
    }  # fmt: skip
    assert StripeEvent.objects.get(event_id="evt_3").body == stripe_event(3)
    assert StripeEvent.objects.get(event_id="evt_2").note == "Brought from the former system, which acted on it."
    assert not JobRun.objects.exclude(job="import-dynamodb").exists()
    assert counts(again("stripe-events")) == {"unchanged": 3, "rejected": 2}


@pytest.mark.parametrize(
    "typed",
    [
        {"N": "0.1"}, {"N": "123456789012345678901234567890"}, {"S": "x"}, {"BOOL": False}, {"NULL": True},
        {"B": b"\x00\xff"}, {"L": [{"N": "1"}]}, {"M": {"a": {"S": "b"}}}, {"NS": ["1.5"]}, {"BS": [b"a"]},
    ],
)  # fmt: skip
def test_typed_values_survive_json_and_are_never_floats(typed: dict[str, Any]) -> None:
    assert as_python(json.loads(json.dumps(as_json(typed)))) == as_python(typed)
    assert not isinstance(as_python(typed), float)


@pytest.mark.parametrize("value", ["soon", True, 10**18, "1970-01-01", Decimal("NaN"), []])
def test_what_is_no_instant(value: Any) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        read_instant(value)
