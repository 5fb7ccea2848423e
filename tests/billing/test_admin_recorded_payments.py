"""Recording payments in the admin: by those who may, once, and with the reason where it is refused."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import BillingAccount, Invoice, Payment
from billing.services.payments import record_payment, reverse_payment
from common.clock import now
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT, make_invoice, note_delivery
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
OTHERS = ("Operations", "Support", "Read only")
LIST = reverse("admin:billing_payment_changelist")


def address_of(invoice: Invoice, name: str = "change") -> str:
    return reverse(f"admin:billing_invoice_{name}", args=[invoice.pk])


def sent_from(client: Client, address: str, **values: Any) -> dict[str, Any]:
    """Fill in the form as the page has it."""
    token = re.findall(r'name="token" value="([^"]+)"', client.get(address).content.decode())[0]
    return {"token": token, "received_date": "2026-09-10", "method": "bank_transfer", "reference": "F-1", **values}


def pay(invoice: Invoice, cents: int, reference: str = "F-1", method: str = "cash") -> Payment:
    return record_payment(
        invoice.pk, amount_cents=cents, received_date=ISSUED_AT.date(), method=method, reference=reference, actor=None,
        accepts_excess=True,
    )  # fmt: skip


@pytest.fixture
def invoice() -> Invoice:
    organization = make_organization(make_plan(), name="Aurora")
    earn(make_creator(organization), AUGUST, 50_000)
    return make_invoice(organization)


def test_a_payment_is_recorded_from_the_invoice_s_page(invoice: Invoice) -> None:
    client, address = log_in("Finance"), address_of(invoice, "payment")
    page = client.get(address).content.decode()
    assert 'value="100.00"' in page
    sent = sent_from(client, address, amount="40.00")
    said = client.post(address, sent, follow=True).content.decode()
    assert "The payment of USD 40.00 is recorded." in said
    assert re.search(r'<td class="hz-num">USD 40.00</td>\s*<td>Bank transfer</td>', said)
    client.post(address, sent)
    payment = Payment.objects.get()
    assert (payment.amount_cents, payment.reference, payment.recorded_by_id) == (
        4_000, "F-1", int(client.session["_auth_user_id"]),
    )  # fmt: skip


def test_more_than_is_asked_for_wants_a_tick(invoice: Invoice) -> None:
    client, address = log_in("Finance"), address_of(invoice, "payment")
    page = client.post(address, sent_from(client, address, amount="130.00")).content.decode()
    assert "USD 130.00 is more than the USD 100.00 that INV-2026-000001 still asks for." in page
    assert Payment.objects.count() == 0
    client.post(address, sent_from(client, address, amount="130.00", accepts_excess="on"))
    account = log_in("Finance").get(reverse("admin:billing_billingaccount_change", args=[_account(invoice).pk]))
    assert "USD 30.00" in account.content.decode()
    organization = reverse("admin:accounts_organization_change", args=[invoice.organization_id])
    assert "USD 30.00" in log_in("Read only").get(organization).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("amount", "0", "Enter an amount above zero."),
        ("amount", "-1", "Enter an amount above zero."),
        ("amount", "1.005", "USD has 2 decimals: enter an amount like 49.00."),
        ("amount", "10000000000000", " or less."),
        ("amount", "", "This field is required."),
        ("received_date", "2999-01-01", "This date is in the future: enter the day the money moved."),
        ("method", "barter", "Select a valid choice."),
        ("reference", "x" * 256, "at most 255 characters"),
    ],
)
def test_what_is_wrong_with_the_form_is_said(invoice: Invoice, field: str, value: str, said: str) -> None:
    client, address = log_in("Finance"), address_of(invoice, "payment")
    values = {"amount": "40.00", field: value}
    assert said in client.post(address, sent_from(client, address, **values)).content.decode()
    assert Payment.objects.count() == 0


def test_a_refund_and_a_reversal(invoice: Invoice) -> None:
    client = log_in("Finance")
    assert address_of(invoice, "refund") not in client.get(address_of(invoice)).content.decode()
    pay(invoice, 13_000)
    address = address_of(invoice, "refund")
    owed = client.get(address_of(invoice)).context["owed"]
    assert owed == [
        ("Total", "USD 100.00"), ("Paid", "-USD 130.00"), ("To the customer's credit", "USD 30.00"),
        ("Remaining", "USD 0.00"),
    ]  # fmt: skip
    assert "Nothing of it is still to be paid." in client.get(address_of(invoice, "payment")).content.decode()
    assert address in client.get(address_of(invoice)).content.decode()
    page = client.get(address).content.decode()
    assert "At most USD 30.00 of INV-2026-000001 is their credit." in page
    said = client.post(address, sent_from(client, address, amount="30.01")).content.decode()
    assert "USD 30.01 can&#x27;t be refunded on INV-2026-000001" in said
    client.post(address, sent_from(client, address, amount="30.00"))
    refund = Payment.objects.get(kind="refund")
    reversing = reverse("admin:billing_payment_reverse", args=[refund.pk])
    page = client.get(address_of(invoice)).content.decode()
    assert ("-USD 30.00" in page, reversing in page) == (True, True)
    assert "Refund recorded: USD 30.00" in page
    client.post(reversing, {"reason": "Their account is closed"})
    page = client.get(address_of(invoice)).content.decode()
    assert ("Their account is closed" in page, reversing in page) == (True, False)


@pytest.mark.parametrize("group", OTHERS)
def test_others_see_payments_and_record_none(invoice: Invoice, group: str) -> None:
    payment, client = pay(invoice, 4_000), log_in(group)
    page = client.get(address_of(invoice)).content.decode()
    assert ("USD 40.00" in page, "Record payment" in page) == (True, False)
    assert client.get(LIST).status_code == 200
    reversing = reverse("admin:billing_payment_reverse", args=[payment.pk])
    for address in (address_of(invoice, "payment"), address_of(invoice, "refund"), reversing):
        assert client.get(address).status_code == client.post(address, {"reason": "x"}).status_code == 403
    assert Payment.objects.get().reversed_at is None


def test_an_invoice_in_stripe_says_where_its_payments_are_recorded(invoice: Invoice) -> None:
    note_delivery(invoice, "stripe", "done", reference="in_1")
    client = log_in("Finance")
    said = "is collected in Stripe. Record the payment there (“Mark as paid outside of Stripe”)"
    page = client.get(address_of(invoice)).content.decode()
    assert (said in page, "Record payment" in page) == (True, False)
    assert said in client.get(address_of(invoice, "payment"), follow=True).content.decode()


def test_the_list_finds_and_filters(invoice: Invoice) -> None:
    other = make_invoice(make_organization(make_plan(base_fee_cents=500), name="Borealis"))
    pay(invoice, 4_000, "Transfer 77")
    reverse_payment(pay(other, 200, "Cheque", "other").pk, reason="It bounced", actor=None)
    Payment.objects.create(
        invoice=other, source="stripe", amount_cents=300, method="card", received_date=now().date(), external_id="py_1"
    )
    client = log_in("Finance")
    for query, amounts in (
        ("", {"USD 40.00", "USD 2.00", "USD 3.00"}),
        (f"q={invoice.number}", {"USD 40.00"}),
        ("q=transfer+77", {"USD 40.00"}),
        ("q=py_1", {"USD 3.00"}),
        ("q=boreal", {"USD 2.00", "USD 3.00"}),
        ("q=nothing", set()),
        ("source__exact=stripe", {"USD 3.00"}),
        ("method__exact=cash", {"USD 40.00"}),
        ("date=2026-09", {"USD 40.00", "USD 2.00"}),
        ("date=September", set()),
    ):
        page = client.get(f"{LIST}?{query}").content.decode()
        assert {amount for amount in ("USD 40.00", "USD 2.00", "USD 3.00") if amount in page} == amounts, query
    assert (
        client.get(reverse("admin:billing_payment_change", args=[Payment.objects.earliest("id").pk])).status_code == 302
    )


def _account(invoice: Invoice) -> BillingAccount:
    return BillingAccount.objects.get(organization=invoice.organization_id)


def _switch(account: BillingAccount, **values: str) -> str:
    address = reverse("admin:billing_billingaccount_change", args=[account.pk])
    form = {
        "plan": account.plan_id, "schedule_day": 1, "first_month": "", "address": "", "tax_id": "", "tax_rate_bps": 0,
        "invoice_email": "", "deliver_email": "on", "stripe_customer_id": "", "max_lines": "", "max_total_cents": "",
        "max_change_percent": "", **values,
    }  # fmt: skip
    return str(log_in("Finance").post(address, form, follow=True).content.decode())


def test_stripe_is_not_switched_on_while_there_is_credit_here(invoice: Invoice) -> None:
    BillingAccount.objects.update(deliver_stripe=False)
    pay(invoice, 13_000)
    said = _switch(_account(invoice), deliver_stripe="on")
    assert "The customer&#x27;s credit here is USD 30.00, and Stripe knows nothing of it." in said
    assert _account(invoice).deliver_stripe is False


def test_stripe_is_not_switched_on_while_an_invoice_is_paid_in_part(invoice: Invoice) -> None:
    BillingAccount.objects.update(deliver_stripe=False)
    pay(invoice, 4_000)
    assert "INV-2026-000001 is paid in part here." in _switch(_account(invoice), deliver_stripe="on")
    assert _account(invoice).deliver_stripe is False
    pay(invoice, 6_000)
    _switch(_account(invoice), deliver_stripe="on")
    assert _account(invoice).deliver_stripe is True


def test_stripe_is_not_switched_off_while_the_customer_has_a_balance_there(invoice: Invoice) -> None:
    BillingAccount.objects.update(stripe_balance_cents=-500)
    assert "The customer&#x27;s balance in Stripe is -USD 5.00" in _switch(_account(invoice))
    assert _account(invoice).deliver_stripe is True
    BillingAccount.objects.update(stripe_balance_cents=0)
    _switch(_account(invoice))
    assert _account(invoice).deliver_stripe is False
