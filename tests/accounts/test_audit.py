"""The audit trail: what an entry tells, and that nobody changes one."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry, User
from accounts.services.auditing import describe_action, lay_out_entry, record_action
from billing.models import BillingAccount
from billing.services.parking import park_account
from common.origin import Door, Origin, coming_from
from onlyfans.models import CreatorAccount
from tests.factories.billing import make_creator, make_organization, make_plan
from tests.factories.staff import PASSWORD, log_in, make_staff

pytestmark = pytest.mark.django_db
LIST = reverse("admin:accounts_auditentry_changelist")


def _enter(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2026-02-30", "tomorrow"])
def test_a_day_that_has_no_entries_is_an_empty_list(day: str) -> None:
    record_action("change", make_organization())
    page = log_in(superuser=True).get(f"{LIST}?day={day}")
    assert (page.status_code, list(page.context["cl"].result_list)) == (200, [])


def test_the_database_writes_an_entry_with_all_its_columns() -> None:
    """Whoever adds a column to the entries must add it to the function, too."""
    organization, user = make_organization(), make_staff("Finance")
    with coming_from(Origin(Door.API, who="cron", address="203.0.113.9", request_id="request-4711")):
        values: dict[str, Any] = {
            "before": {"name": "a"},
            "after": {"name": "b", "rows": {"new": 2}},
            "reason": "asked",
        }
        entry = describe_action("change", organization, actor=user, **values)
        given = lay_out_entry(entry)
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_write_audit_entry(%s)", [json.dumps(given, default=str)])
    names = [field.attname for field in AuditEntry._meta.concrete_fields if not field.primary_key]
    written = AuditEntry.objects.get()
    assert [getattr(written, name) for name in names] == [getattr(entry, name) for name in names]
    assert not [name for name in names if getattr(written, name) in ("", {}, None)], "each column must be told apart"


def test_an_edit_tells_who_what_before_after_and_from_where() -> None:
    organization, user = make_organization(name="Before", email="a@b.test"), make_staff("Finance")
    values = {"name": "After", "email": "a@b.test", "status": "suspended", "currency": organization.currency}
    headers = {"x-request-id": "request-4711", "x-forwarded-for": "203.0.113.9"}
    address = reverse("admin:accounts_organization_change", args=[organization.pk])
    _enter(user).post(address, values, headers=headers, REMOTE_ADDR="198.51.100.7")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.actor_name, entry.verb) == (user, user.email, "change")
    thing = ("accounts.organization", organization.pk, "After")
    assert (entry.object_type, entry.object_id, entry.object_name) == thing
    changed = {name: entry.before[name] for name in ("name", "status")}
    assert (changed, {name: entry.after[name] for name in changed}) == (
        {"name": "Before", "status": "Active"},
        {"name": "After", "status": "Suspended"},
    )
    assert set(entry.before) == {"name", "status"}
    assert (entry.door, entry.address, entry.request_id) == ("admin", "198.51.100.7", "request-4711")


def test_a_form_sent_as_it_was_leaves_none() -> None:
    group = Group.objects.create(name="As it was")
    address = reverse("admin:auth_group_change", args=[group.pk])
    assert log_in(superuser=True).post(address, {"name": group.name}).status_code == 302
    assert AuditEntry.objects.count() == 0


def test_rows_edited_on_a_page_are_told_of_with_it() -> None:
    plan = make_plan(((0, 2000),), name="Studio")
    bracket = plan.brackets.get()
    values = {
        "name": "Studio", "code": plan.code, "currency": plan.currency, "base_fee_cents": "0",
        "commission_basis": plan.commission_basis, "commission_free_months": plan.commission_free_months,
        "minimum_commission_cents": plan.minimum_commission_cents, "maximum_commission_cents": "",
        "brackets-TOTAL_FORMS": 1, "brackets-INITIAL_FORMS": 1, "brackets-0-id": bracket.pk,
        "brackets-0-plan": plan.pk, "brackets-0-from_cents": "0", "brackets-0-rate_bps": "25",
        "meter_prices-TOTAL_FORMS": 0, "meter_prices-INITIAL_FORMS": 0,
    }  # fmt: skip
    response = log_in("Finance").post(reverse("admin:billing_plan_change", args=[plan.pk]), values)
    assert response.status_code == 302
    entry = AuditEntry.objects.get()
    assert entry.before == {"commission brackets": [{"from_cents": "USD 0.00", "rate_bps": "20 %"}]}
    assert entry.after == {"commission brackets": [{"from_cents": "USD 0.00", "rate_bps": "25 %"}]}


def test_of_a_secret_stands_only_that_it_changed() -> None:
    creator = make_creator(make_organization(), display_name="Ada", credentials={"token": "old-secret"})
    values = {
        "display_name": "Ada", "onlyfans_user_id": creator.onlyfans_user_id, "status": creator.status,
        "created_at_0": "2026-01-01", "created_at_1": "00:00:00", "new_token": "new-secret",
    }  # fmt: skip
    address = reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk])
    assert log_in("Operations").post(address, values).status_code == 302
    assert CreatorAccount.objects.get().credentials == {"token": "new-secret"}
    entry = AuditEntry.objects.get()
    assert (entry.before.get("credentials"), entry.after["credentials"]) == (None, "changed")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(entry)::text FROM accounts_auditentry entry")
        text = cursor.fetchone()[0]
    assert "secret" not in text


def test_of_passwords_stands_only_that_they_changed() -> None:
    boss, other = make_staff(superuser=True), make_staff("Finance")
    new = "a completely different battery"
    client = _enter(boss)
    passwords = {"password1": new, "password2": new, "usable_password": "true"}
    client.post(reverse("admin:auth_user_password_change", args=[other.pk]), passwords)
    own = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    client.post(reverse("admin:password_change"), own)
    told = list(AuditEntry.objects.order_by("id").values_list("verb", "object_id", "before", "after"))
    assert told == [
        ("change", str(other.pk), {}, {"password": "changed"}),
        ("change-password", str(boss.pk), {}, {"password": "changed"}),
    ]


def test_rights_that_are_given_are_told_of() -> None:
    other, group = make_staff(), Group.objects.get_or_create(name="Finance")[0]
    values = {"email": other.email, "name": other.name, "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    assert log_in(superuser=True).post(reverse("admin:accounts_user_change", args=[other.pk]), values | {
        "role": "staff",
    }).status_code == 302  # fmt: skip
    entry = AuditEntry.objects.get()
    assert (entry.before["groups"], entry.after["groups"]) == ([], ["Finance"])


def test_a_change_without_a_door_is_a_jobs_and_one_that_is_undone_leaves_none() -> None:
    account = BillingAccount.objects.get(organization=make_organization())
    with transaction.atomic():
        park_account(account.pk, actor=None, reason="Undone")
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == 0
    with coming_from(Origin(Door.COMMAND, who="root at the command line")):
        park_account(account.pk, actor=None, reason="Disputed")
    entry = AuditEntry.objects.get()
    assert (entry.door, entry.who, entry.reason) == ("command", "root at the command line", "Disputed")
    assert record_action("look").door == "job"


@pytest.mark.parametrize(
    "statement", ["UPDATE accounts_auditentry SET reason = 'other'", "DELETE FROM accounts_auditentry"]
)
def test_the_database_refuses_to_change_an_entry(statement: str) -> None:
    entry = record_action("look", who="somebody", reason="mine")
    refused = pytest.raises(IntegrityError, match="can be neither changed nor deleted")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.values_list("reason", flat=True).get(pk=entry.pk) == "mine"


def test_the_database_refuses_to_be_emptied() -> None:
    record_action("look", who="somebody")
    refused = pytest.raises(IntegrityError, match="can not be emptied")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE accounts_auditentry")
    assert AuditEntry.objects.count() == 1


def test_pages_go_back_and_forth_without_counting_or_skipping() -> None:
    user = make_staff("Finance")
    AuditEntry.objects.bulk_create(
        AuditEntry(verb="look" if number % 2 else "open", actor=user, actor_name=user.email, door="admin")
        for number in range(240)
    )
    every = list(AuditEntry.objects.filter(verb="look").order_by("-id").values_list("pk", flat=True))
    client, address, pages = _enter(user), "?verb=look", []
    while address:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = client.get(LIST + address)
        asked = [query["sql"] for query in queries if "accounts_auditentry" in query["sql"]]
        assert not [sql for sql in asked if "COUNT(" in sql or "OFFSET" in sql]
        pages.append([entry.pk for entry in page.context["cl"].result_list])
        newer, address = page.context["cl"].paginator.newer, page.context["cl"].paginator.older
        assert bool(newer) == (len(pages) > 1)
    assert (pages, len(every)) == ([every[:50], every[50:100], every[100:]], 120)
    back = client.get(LIST + newer).context["cl"]
    assert [entry.pk for entry in back.result_list] == every[50:100]
    assert [entry.pk for entry in client.get(LIST + back.paginator.newer).context["cl"].result_list] == every[:50]
    for nonsense in ("after=x", "before=-1", "after=" + "9" * 30, "after=%00"):
        assert client.get(f"{LIST}?verb=look&{nonsense}").status_code in {200, 404}


@pytest.mark.parametrize("door", ["change", "delete"])
def test_not_even_a_superuser_changes_or_deletes_an_entry(door: str) -> None:
    entry = record_action("look", who="somebody", reason="mine")
    client = log_in(superuser=True)
    address = reverse(f"admin:accounts_auditentry_{door}", args=[entry.pk])
    assert client.post(address, {"reason": "other", "post": "yes"}).status_code == 403
    assert client.get(reverse("admin:accounts_auditentry_add")).status_code == 403
    assert AuditEntry.objects.values_list("pk", "reason").get() == (entry.pk, "mine")


@pytest.mark.parametrize(
    ("group", "status"), [("Finance", 200), ("Operations", 200), ("Read only", 200), ("Support", 403)]
)
def test_who_reads_it(group: str, status: int) -> None:
    entry = record_action("look", make_organization())
    client = log_in(group)
    assert client.get(LIST).status_code == status
    assert client.get(reverse("admin:accounts_auditentry_change", args=[entry.pk])).status_code == status


def _found(client: Client, query: dict[str, Any]) -> list[str]:
    return sorted(entry.reason for entry in client.get(LIST, query).context["cl"].result_list)


def test_entries_are_found_by_who_what_when_object_and_door() -> None:
    ada, organization = make_staff(name="Ada"), make_organization()
    with coming_from(Origin(Door.API, "203.0.113.9", "request-4711", "API key 1")):
        record_action("start", organization, reason="machine")
    with coming_from(Origin(Door.ADMIN)):
        record_action("park", organization, actor=ada, reason="ada")
        record_action("park", make_plan(), reason="plan")
    client = log_in(superuser=True)
    day = f"{AuditEntry.objects.earliest('id').at:%Y-%m-%d}"
    assert _found(client, {"actor__id__exact": ada.pk}) == ["ada"]
    assert _found(client, {"verb": "park"}) == ["ada", "plan"]
    assert _found(client, {"object_type": "accounts.organization", "object_id": organization.pk}) == ["ada", "machine"]
    assert _found(client, {"door__exact": "api"}) == ["machine"]
    assert _found(client, {"day": day}) == ["ada", "machine", "plan"]
    assert _found(client, {"day": "2020-01-01"}) == _found(client, {"day": "nonsense"}) == []
    for term in (organization.pk, ada.email.upper(), "request-4711"):
        assert len(_found(client, {"q": term})) == (2 if term == organization.pk else 1)
