"""Plans, meters, billing accounts, usage and number series in the admin."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Organization
from billing.models import BillingAccount, NumberSeries, Plan, UsageEvent
from billing.services.parking import park_account
from common.clock import previous_month
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.invoices import make_invoice
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db
PLAN = {
    "name": "Agency", "code": "agency", "currency": "USD", "base_fee_cents": "99", "commission_basis": "net",
    "commission_free_months": "0", "minimum_commission_cents": "0", "maximum_commission_cents": "",
}  # fmt: skip
OTHERS = ("Operations", "Support", "Read only")


def _inlines(brackets: list[tuple[str, str]]) -> dict[str, str]:
    values = {"brackets-TOTAL_FORMS": str(len(brackets)), "brackets-INITIAL_FORMS": "0"}
    values |= {"meter_prices-TOTAL_FORMS": "0", "meter_prices-INITIAL_FORMS": "0"}
    for place, (start, rate) in enumerate(brackets):
        values |= {f"brackets-{place}-from_cents": start, f"brackets-{place}-rate_bps": rate}
    return values


def _add_plan(brackets: list[tuple[str, str]], group: str = "Finance", **changes: str) -> Any:
    sent = {**PLAN, **_inlines(brackets), **changes}
    return log_in(group).post(reverse("admin:billing_plan_add"), sent, follow=True)


def test_a_plan_is_made_with_its_brackets_and_said_in_words() -> None:
    _add_plan([("0", "20 %"), ("5,000", "15")], commission_free_months="3", maximum_commission_cents="USD 1,000.00")
    plan = Plan.objects.get()
    assert list(plan.brackets.values_list("from_cents", "rate_bps")) == [(0, 2000), (500_000, 1500)]
    price_meter(plan, "messages", "0.25", "1000")
    page = log_in("Read only").get(reverse("admin:billing_plan_change", args=[plan.pk])).content.decode()
    for text in (
        "Base fee of USD 99.00 a month",
        "20 % of the first USD 5,000.00, 15 % of all above USD 5,000.00",
        "No commission in a creator&#x27;s first 3 months",
        "At most USD 1,000.00 of commission",
        "USD 0.0025 for each messages beyond the 1,000 included in a month",
        "No invoice where nothing is due",
    ):
        assert text in page, text


def test_a_plan_without_brackets_is_warned_about_since_billing_refuses_it() -> None:
    said = "This plan has no commission brackets"
    response = _add_plan([])
    assert said in [str(m)[: len(said)] for m in response.context["messages"]]
    plan = Plan.objects.get()
    client = log_in("Finance")
    assert said in client.get(reverse("admin:billing_plan_change", args=[plan.pk])).content.decode()
    assert "None" in client.get(reverse("admin:billing_plan_changelist")).content.decode()


def test_a_plan_that_charges_nothing_at_first_is_warned_about() -> None:
    response = _add_plan([("1.00", "20")])
    assert [str(m)[:36] for m in response.context["messages"] if m.level_tag == "warning"] == [
        "Nothing is charged below the first b"
    ]


@pytest.mark.parametrize(
    ("brackets", "changes", "said"),
    [
        ([("0", "20"), ("0.00", "15")], {}, "Another bracket starts at this amount already."),
        ([("-0.01", "20")], {}, "greater than or equal to 0"),
        ([("0", "100.01")], {}, "Enter a percentage from 0 to 100 with at most two decimals, like 20 or 7.25."),
        ([("0", "")], {}, "This field is required."),
        ([("0", "20")], {"currency": "XYZ"}, "Give the code of a currency that Stripe bills in"),
        ([("0", "20")], {"currency": "usd"}, "Give the code of a currency that Stripe bills in"),
        ([("0", "20")], {"base_fee_cents": "99.001"}, "USD has 2 decimals: enter an amount like 49.00."),
        ([("0", "20")], {"minimum_commission_cents": "2", "maximum_commission_cents": "1"}, "is below the minimum"),
    ],
)
def test_nonsense_plans_are_refused(brackets: list[tuple[str, str]], changes: dict[str, str], said: str) -> None:
    assert said in _add_plan(brackets, **changes).content.decode()
    assert not Plan.objects.exists()


@pytest.mark.parametrize("group", OTHERS)
def test_others_change_no_plan(group: str) -> None:
    plan = make_plan()
    address = reverse("admin:billing_plan_change", args=[plan.pk])
    assert _add_plan([("0", "20")], group).status_code == 403
    client = log_in(group)
    assert client.get(address).status_code == 200
    assert client.post(address, {**PLAN, **_inlines([])}).status_code == 403
    assert Plan.objects.get().code == plan.code


def _account(**fields: Any) -> BillingAccount:
    return BillingAccount.objects.get(organization=make_organization(**fields))


def _account_address(account: BillingAccount, name: str = "change") -> str:
    return reverse(f"admin:billing_billingaccount_{name}", args=[account.pk])


@pytest.mark.parametrize(
    ("status", "months_on", "said"),
    [
        ("active", -5, "Billed"),
        ("suspended", -5, "Not billed: suspended"),
        ("closed", -5, "Not billed: closed"),
        ("active", 2, "Billed from"),
    ],
)
def test_only_who_is_billed_is_shown_as_billed(status: str, months_on: int, said: str) -> None:
    first = previous_month().plus(months_on)
    organization = make_organization(account={"first_month": first.first_day}, status=status)
    client, account = log_in("Read only"), organization.billing_account
    said += f" {first.label} on" if said.endswith("from") else ""
    for address in (
        reverse("admin:billing_billingaccount_changelist"),
        reverse("admin:billing_billingaccount_change", args=[account.pk]),
        reverse("admin:accounts_organization_change", args=[organization.pk]),
    ):
        labels = re.findall(r">\s*((?:Not b|B)illed[^<]*?)\s*<", client.get(address).content.decode())
        assert labels == [said], address


def test_who_is_unparked_and_suspended_is_not_called_billed() -> None:
    account = make_organization(status="suspended").billing_account
    park_account(account.pk, actor=None, reason="They pause.")
    page = log_in("Finance").post(_account_address(account, "unpark"), {"reason": "They are back."}, follow=True)
    said = [str(message) for message in page.context["messages"]]
    assert said == [f"{account} is unparked. Not billed: suspended."]


def test_an_account_is_parked_and_unparked_with_a_reason() -> None:
    account, client = _account(name="Étoile"), log_in("Finance")
    assert _account_address(account, "park") in client.get(_account_address(account)).content.decode()
    assert client.post(_account_address(account, "park"), {"reason": ""}).status_code == 200
    account.refresh_from_db()
    assert not account.is_parked
    page = client.post(
        _account_address(account, "park"), {"reason": "They <b>pause</b>."}, follow=True
    ).content.decode()
    account.refresh_from_db()
    assert (account.parked_reason, account.parked_by is not None) == ("They <b>pause</b>.", True)
    assert ("They &lt;b&gt;pause&lt;/b&gt;." in page, _account_address(account, "unpark") in page) == (True, True)
    parked = client.get(reverse("admin:billing_billingaccount_changelist") + "?parked=yes")
    assert list(parked.context["cl"].result_list) == [account]
    assert "is parked already" in client.post(_account_address(account, "park"), {"reason": "x"}).content.decode()
    client.post(_account_address(account, "unpark"), {"reason": "They are back."})
    account.refresh_from_db()
    assert (account.is_parked, account.parked_reason, account.parked_by) == (False, "", None)


@pytest.mark.parametrize("group", OTHERS)
def test_others_park_nobody_and_change_no_account(group: str) -> None:
    account, client = _account(), log_in(group)
    page = client.get(_account_address(account)).content.decode()
    assert _account_address(account, "park") not in page
    for name in ("park", "unpark"):
        assert client.get(_account_address(account, name)).status_code == 403
        assert client.post(_account_address(account, name), {"reason": "x"}).status_code == 403
    assert client.post(_account_address(account), {"plan": account.plan_id, "tax_rate_bps": 9}).status_code == 403
    account.refresh_from_db()
    assert (account.is_parked, account.tax_rate_bps) == (False, 0)


def test_an_account_is_made_for_an_organization_and_stays_with_it() -> None:
    organization, plan = Organization.objects.create(name="New"), make_plan()
    client = log_in("Finance")
    sent = {"organization": organization.pk, "plan": plan.pk, "tax_rate_bps": "20", "deliver_email": "on"}
    sent |= {"schedule_day": "31", "address": "1 Harbour Street\r\nDublin"}
    client.post(reverse("admin:billing_billingaccount_add"), sent)
    account = BillingAccount.objects.get()
    assert (account.organization_id, account.deliver_email, account.deliver_stripe) == (organization.pk, True, False)
    other = Organization.objects.create(name="Other")
    client.post(_account_address(account), {**sent, "organization": other.pk, "tax_rate_bps": "21"})
    account.refresh_from_db()
    assert (account.organization_id, account.tax_rate_bps) == (organization.pk, 2100)
    assert (account.schedule_day, account.address) == (31, "1 Harbour Street\nDublin")
    wrong = {"tax_rate_bps": "100.01", "invoice_email": "nowhere", "schedule_day": "32"}
    refused = client.post(_account_address(account), {**sent, **wrong})
    assert {"tax_rate_bps", "invoice_email", "schedule_day"} == set(refused.context["adminform"].form.errors)


def test_usage_is_shown_and_never_changed() -> None:
    organization, other = make_organization(name="Étoile"), make_organization(name="Other")
    meter = price_meter(make_plan(), "messages", "1")
    hour = use(organization, meter, AUGUST, "1234.50", hour=5)
    use(other, meter, AUGUST, "7")
    at = dt.datetime(2026, 8, 3, 12, tzinfo=dt.UTC)
    event = UsageEvent.objects.create(
        organization=organization, meter=meter, quantity=Decimal("2.5"), occurred_at=at, idempotency_key="key-1"
    )
    client = log_in(superuser=True)
    for name, thing, query, shown in (
        ("usagehour", hour, "?q=étoile", "1,234.5"),
        ("usageevent", event, "?q=key-1", "2026-08-03 12:00:00"),
    ):
        address = reverse(f"admin:billing_{name}_changelist")
        response = client.get(address + query)
        assert list(response.context["cl"].result_list) == [thing]
        assert shown in response.content.decode()
        assert client.get(f"{address}?month=2026-08&meter__id__exact={meter.pk}").status_code == 200
        assert list(client.get(f"{address}?month=2026-07").context["cl"].result_list) == []
        assert list(client.get(f"{address}?month=never").context["cl"].result_list) == []
        assert client.get(f"{address}add/").status_code == 403
        assert client.post(f"{address}{thing.pk}/delete/", {"post": "yes"}).status_code == 403


def _series_page() -> str:
    series = NumberSeries.objects.get(prefix="INV")
    return log_in("Read only").get(reverse("admin:billing_numberseries_change", args=[series.pk])).content.decode()


def _rename(number: str, to: str) -> None:
    """Do what the database's guard refuses, as somebody with all its keys could."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE billing_invoice SET number = %s WHERE number = %s", [to, number])
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_a_sound_series_is_proven(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        make_invoice()
    page = _series_page()
    assert ("INV-2026 is sound: 3 given, each found once." in page, "hz-tone-success" in page) == (True, True)
    call_command("check_invoice_numbers")
    assert capsys.readouterr().out == "INV-2026 is sound: 3 given, each found once.\n"


@pytest.mark.parametrize(
    ("to", "said"),
    [
        (
            "INV-2026-000009",
            "1 missing, the first INV-2026-000002; beyond the counter: INV-2026-000009.",
        ),
        ("INV-2026-0000003", "1 missing, the first INV-2026-000002; given twice: INV-2026-000003."),
        ("INV-2026-2", "1 missing, the first INV-2026-000002; malformed: INV-2026-2."),
        ("INV-2025-000002", "1 missing, the first INV-2026-000002."),
    ],
)
def test_a_broken_series_is_found_out(to: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        make_invoice()
    _rename("INV-2026-000002", to)
    page = _series_page()
    assert (f"INV-2026 is broken: {said}" in page, "hz-tone-danger" in page) == (True, True)
    with pytest.raises(SystemExit) as ended:
        call_command("check_invoice_numbers")
    assert ended.value.code == 1
    assert said in capsys.readouterr().out


def test_the_last_number_missing_is_found_out() -> None:
    make_invoice()
    NumberSeries.objects.update(last_number=3)
    assert "INV-2026 is broken: 2 missing, the first INV-2026-000002." in _series_page()


def test_a_number_of_no_series_is_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    make_invoice()
    _rename("INV-2026-000001", "X-1")
    with pytest.raises(SystemExit):
        call_command("check_invoice_numbers")
    assert "Of no series: X-1." in capsys.readouterr().out


def test_without_any_number_there_is_nothing_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_invoice_numbers")
    assert capsys.readouterr().out == "No number was given yet.\n"


def test_an_organization_shows_how_it_is_billed() -> None:
    invoice = make_invoice()
    address = reverse("admin:accounts_organization_change", args=[invoice.organization_id])
    page = log_in("Support").get(address).content.decode()
    for text in (invoice.number, "USD 210.00", invoice.organization.billing_account.plan.name, "Finalized"):
        assert str(text) in page
    bare = Organization.objects.create(name="Bare")
    page = log_in("Finance").get(reverse("admin:accounts_organization_change", args=[bare.pk])).content.decode()
    assert "this organization can&#x27;t be billed" in page
    assert f"{reverse('admin:billing_billingaccount_add')}?organization={bare.pk}" in page
    assert "No month was billed yet." in page


def test_a_creator_shows_what_each_month_came_to() -> None:
    organization = make_organization()
    creator = make_creator(organization)
    earn(creator, AUGUST, 50_000, net_cents=40_000)
    earn(creator, AUGUST, -60_000, "chargebacks", net_cents=-60_000)
    invoice = make_invoice(organization)
    address = reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk])
    page = log_in("Read only").get(address).content.decode()
    for text in ("2026-08", "-USD 100.00", "-USD 200.00", "USD 0.00"):
        assert text in page
    assert reverse("admin:billing_invoice_change", args=[invoice.pk]) in page


def test_panels_are_for_those_who_may_see_billing() -> None:
    staff = make_staff()
    staff.user_permissions.add(Permission.objects.get(codename="view_organization"))
    invoice = make_invoice()
    client = Client()
    client.force_login(staff)
    page = client.get(reverse("admin:accounts_organization_change", args=[invoice.organization_id])).content.decode()
    assert (str(invoice.number) in page, "Billing account" in page) == (False, False)


def test_an_unusual_rate_of_tax_is_asked_about_once() -> None:
    """25 was read as 0.25 % by whoever thought of percent, and 0.25 is what nobody means."""
    account, client = _account(), log_in("Finance")
    sent = {"plan": str(account.plan_id), "schedule_day": "1", "deliver_email": "on", "tax_rate_bps": "0.25"}
    page = client.post(_account_address(account), sent).content.decode()
    assert "0.25 % is unusual: most rates are between 1 % and 40 %. Tick the box to confirm it, or correct it." in page
    account.refresh_from_db()
    assert account.tax_rate_bps == 0
    assert client.post(_account_address(account), {**sent, "tax_rate_bps_confirmed": "25"}).status_code == 302
    account.refresh_from_db()
    assert account.tax_rate_bps == 25
    client.post(_account_address(account), {**sent, "tax_rate_bps": "25"})
    account.refresh_from_db()
    assert account.tax_rate_bps == 2_500


def test_an_unusual_commission_is_asked_about() -> None:
    page = _add_plan([("0", "99")]).content.decode()
    assert "99 % is unusual" in page
    assert not Plan.objects.exists()
    _add_plan([("0", "99")], **{"brackets-0-rate_bps_confirmed": "9900"})
    assert Plan.objects.get().brackets.get().rate_bps == 9_900


def test_amounts_are_typed_in_the_currency_of_the_plan() -> None:
    _add_plan([("0", "20"), ("50000", "10")], currency="JPY", base_fee_cents="4900")
    plan = Plan.objects.get()
    assert (plan.base_fee_cents, plan.brackets.last().from_cents) == (4_900, 50_000)  # type: ignore[union-attr]
    assert "JPY has no decimals" in _add_plan([("0.5", "20")], code="b", currency="JPY").content.decode()
    said = _add_plan([("0", "20")], code="b", currency="KWD", base_fee_cents="12.345").content.decode()
    assert "Amounts charged in KWD end in 0: enter KWD 12.340 or KWD 12.350." in said
    assert Plan.objects.count() == 1


def test_a_limit_is_typed_in_the_currency_of_the_organization() -> None:
    account, client = _account(currency="JPY"), log_in("Finance")
    sent = {"plan": str(account.plan_id), "schedule_day": "1", "tax_rate_bps": "10", "max_total_cents": "5,000,000"}
    assert client.post(_account_address(account), sent).status_code == 302
    account.refresh_from_db()
    assert account.max_total_cents == 5_000_000
    organization = Organization.objects.create(name="New", currency="USD")
    added = {**sent, "organization": organization.pk, "max_total_cents": "49.50"}
    assert client.post(reverse("admin:billing_billingaccount_add"), added).status_code == 302
    assert BillingAccount.objects.get(organization=organization).max_total_cents == 4_950


def test_a_unit_s_price_is_typed_as_an_amount() -> None:
    meter = price_meter(make_plan(), "messages", "1")
    prices = {"meter_prices-TOTAL_FORMS": "1", "meter_prices-0-meter": str(meter.pk)}
    prices |= {"meter_prices-0-included_quantity": "2000", "meter_prices-0-unit_price_cents": "0.0025"}
    _add_plan([("0", "20")], **prices)
    assert Plan.objects.get(code="agency").meter_prices.get().unit_price_cents == Decimal("0.25")


def test_who_may_only_look_reads_amounts_and_percent_too() -> None:
    plan = make_plan(((0, 1_850),), base_fee_cents=4_900, currency="EUR")
    price_meter(plan, "messages", "0.25")
    page = log_in("Read only").get(reverse("admin:billing_plan_change", args=[plan.pk])).content.decode()
    form = page[page.index("Issue zero invoices") - 3_000 :]
    for text in ("EUR 49.00", "18.5 %", "EUR 0.0025"):
        assert text in form, text
    account = _account(account={"tax_rate_bps": 725, "max_total_cents": 123_456})
    page = log_in("Read only").get(_account_address(account)).content.decode()
    assert ("7.25 %" in page, "USD 1,234.56" in page) == (True, True)


def test_the_audit_trail_tells_of_amounts_and_percent() -> None:
    account, client = _account(account={"tax_rate_bps": 2_000}), log_in(superuser=True)
    sent = {"plan": str(account.plan_id), "schedule_day": "1", "tax_rate_bps": "7.25", "max_total_cents": "100"}
    client.post(_account_address(account), {**sent, "deliver_email": "on", "deliver_stripe": "on"})
    entry = AuditEntry.objects.get(verb="change")
    assert entry.list_changes() == [("tax rate", "20 %", "7.25 %"), ("max total", None, "USD 100.00")]
    page = client.get(reverse("admin:accounts_auditentry_change", args=[entry.pk])).content.decode()
    assert ("7.25 %" in page, "USD 100.00" in page) == (True, True)
