"""What staff see of payments and of Stripe's events, and who may process an event again."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import BillingAccount, Invoice, StripeEvent, StripeRecord
from billing.services.balances import refresh_balances
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.events import process_events
from common.clock import now
from jobs.models import JobRun
from tests.factories.billing import AUGUST
from tests.factories.events import happen, hear, list_events, make_sent, take
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.factories.runs import finish
from tests.factories.staff import log_in
from tests.outside import Outside

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_thread")]
EVENTS = "/admin/billing/stripeevent/"
INVOICES = "/admin/billing/invoice/"
GROUPS = ("Finance", "Operations", "Support", "Read only")


def page(address: str, group: str = "Read only") -> str:
    response = log_in(group).get(address)
    assert response.status_code == 200
    return response.content.decode()


def pay(invoice: Invoice, state: str = "paid", **facts: object) -> StripeRecord:
    """Say that Stripe said so."""
    known = {"stripe_invoice": f"in_{invoice.pk}", "state": state, **facts}
    payment, _ = StripeRecord.objects.update_or_create(invoice=invoice, defaults=known)
    refresh_balances([invoice.pk])
    return payment


def listed(query: str) -> set[str]:
    response = log_in("Read only").get(f"{INVOICES}?{query}")
    return {invoice.number for invoice in response.context["cl"].result_list}


def test_the_invoices_page_tells_its_payment_and_leads_to_its_events(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "fail", payment_method="pm_card_chargeDeclinedInsufficientFunds")
    happen(wired, stripe_id, "pay")
    happen(wired, stripe_id, "refund", amount=500)
    happen(wired, stripe_id, "dispute", amount=700)
    hear(wired)
    text = page(f"{INVOICES}{invoice.pk}/change/")
    for said in (
        "Payment", "Paid", "USD 210.00", stripe_id, "Your card has insufficient funds.", "USD 5.00",
        "USD 7.00, needs a response", "invoice.payment_failed", "charge.dispute.created",
    ):  # fmt: skip
        assert said in text, said
    for event in StripeEvent.objects.filter(invoice=invoice):
        assert f"{EVENTS}{event.pk}/change/" in text
    assert "differs" not in text.lower()


def test_an_invoice_of_which_stripe_said_nothing_shows_what_remains_and_no_payment_of_stripes() -> None:
    text = page(f"{INVOICES}{make_invoice().pk}/change/")
    assert re.search(r"Remaining</dt>\s*<dd>USD 210.00", text)
    assert "in Stripe" not in text


@pytest.mark.parametrize(
    ("state", "facts", "said"),
    [
        ("void", {}, "It was voided in Stripe and is still due here."),
        ("paid", {"is_credited": True}, "A credit note made in Stripe has settled it there"),
    ],
)
def test_what_differs_from_stripe_is_said_with_what_to_do(state: str, facts: dict[str, object], said: str) -> None:
    invoice, other = make_invoice(), make_invoice()
    pay(invoice, state, **facts)
    assert said in page(f"{INVOICES}{invoice.pk}/change/")
    assert listed("payment=differs") == {invoice.number}
    assert other.number not in listed("payment=differs")
    response = log_in("Finance").get("/admin/")
    assert ("Differs from Stripe", "1") in [(tile.title, tile.text) for tile in response.context["tiles"]]
    credit_invoice(invoice.pk, actor=None, reason="Settled", now=ISSUED_AT)
    assert listed("payment=differs") == set()


def test_money_kept_for_a_void_invoice_is_said(wired: Outside) -> None:
    invoice = make_invoice()
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    payment = pay(invoice, amount_paid_cents=21_000)
    assert "It is void here and was paid in Stripe." in page(f"{INVOICES}{invoice.pk}/change/")
    assert listed("payment=differs") == {invoice.number}
    payment.refunded_cents = 21_000
    payment.save()
    assert "was paid in Stripe" not in page(f"{INVOICES}{invoice.pk}/change/")
    assert listed("payment=differs") == set()


def test_invoices_are_filtered_by_their_payment() -> None:
    paid, failed, refunded, disputed, due = (make_invoice() for _ in range(5))
    for invoice in (paid, refunded, disputed):
        pay(invoice, refunded_cents=1 if invoice == refunded else 0, dispute="lost" if invoice == disputed else "")
        Invoice.objects.filter(pk=invoice.pk).update(status="paid")
    pay(failed, "open", failed_at=now(), failed_attempt=1)
    assert listed("payment=outstanding") == listed("payment=overdue") == {failed.number, due.number}
    assert listed("payment=failed") == {failed.number}
    assert listed("payment=refunded") == {refunded.number}
    assert listed("payment=disputed") == {disputed.number}
    assert listed("status__exact=paid") == {paid.number, refunded.number, disputed.number}
    assert listed("payment=nonsense") == set()


def test_the_front_page_tells_what_is_outstanding_and_what_is_paid() -> None:
    """22,100 − 10,000 paid in part, 12,100 less a credit note, and what is paid or taken back counts no more."""
    part, credited, paid, taken_back = (make_invoice(cents=cents) for cents in (105_500, 55_500, 20_000, 30_000))
    pay(part, "open", amount_paid_cents=10_000)
    line = credited.lines.filter(kind="commission").get()
    credit_invoice(credited.pk, actor=None, reason="Less", now=ISSUED_AT, amounts={line.pk: 2_100})
    Invoice.objects.filter(pk=paid.pk).update(status="paid")
    credit_invoice(taken_back.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    owed = part.total_cents - 10_000 + credited.total_cents - 2_100
    response = log_in("Finance").get("/admin/")
    tiles = {tile.title: (tile.text, tile.address) for tile in response.context["tiles"]}
    text = f"USD {owed // 100}.{owed % 100:02}"
    assert tiles["Outstanding, 2 invoices"] == (text, f"{INVOICES}?payment=outstanding")
    assert tiles["of it overdue"] == (text, f"{INVOICES}?payment=overdue")
    Invoice.objects.filter(pk=part.pk).update(status="paid")
    rows = {str(row["month"]): row["paid"] for row in log_in("Finance").get("/admin/").context["invoiced"]}
    assert rows[str(AUGUST)] == f"USD {(paid.total_cents + part.total_cents) / 100:.2f}"


def test_events_are_listed_filtered_and_found(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    take(list_events(wired, "invoice.created", "invoice.finalized", "invoice.paid"))
    process_events()
    client = log_in("Support")

    def found(query: str = "") -> list[str]:
        return [event.type for event in client.get(f"{EVENTS}?{query}").context["cl"].result_list]

    assert found() == ["invoice.paid", "invoice.finalized", "invoice.created"]
    assert found("status__exact=ignored") == found("type=other") == ["invoice.created"]
    assert found("type=invoice.paid") == ["invoice.paid"]
    assert found(f"q={invoice.number}") == ["invoice.paid", "invoice.finalized"]
    assert found(f"q={stripe_id}") == found("source__exact=webhook") == found()
    event = StripeEvent.objects.get(type="invoice.finalized")
    assert found(f"q={event.event_id}") == ["invoice.finalized"]
    assert found("q=evt_nothing") == []


def test_an_events_page_shows_its_body_and_its_error() -> None:
    event = StripeEvent.objects.create(
        event_id="evt_1",
        type="invoice.paid",
        object_id="in_1",
        created_at=now(),
        source="eventbridge",
        status="dead",
        error="<b>No</b>",
        body={"a": "<script>"},
    )
    text = page(f"{EVENTS}{event.pk}/change/")
    assert "&lt;b&gt;No&lt;/b&gt;" in text
    assert "&lt;script&gt;" in text
    assert "EventBridge" in text
    assert "Stripe events failed" in page("/admin/", "Finance")


def _again(event: StripeEvent) -> str:
    return reverse("admin:billing_stripeevent_again", args=[event.pk])


@pytest.mark.django_db(transaction=True)
def test_a_failed_event_is_processed_again_by_a_run_that_keeps_who_and_why(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    take(list_events(wired, "invoice.paid"))
    StripeEvent.objects.update(status="dead", attempts=3, error="It was not to be.")
    event = StripeEvent.objects.get()
    client = log_in("Operations")
    assert _again(event) in client.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert client.get(_again(event)).status_code == 200
    assert client.post(_again(event), {"reason": ""}).status_code == 200
    assert not JobRun.objects.exclude(slot="held").exists()
    response = client.post(_again(event), {"reason": "The network is back"})
    assert response.status_code == 302
    run = JobRun.objects.get(job="process-stripe-events")
    assert (run.trigger, run.reason, run.params) == ("admin", "The network is back", {"events": [event.pk]})
    assert run.actor is not None
    assert finish(run).status == "succeeded"
    event.refresh_from_db()
    assert (event.status, event.error, Invoice.objects.get(pk=invoice.pk).status) == ("done", "", "paid")


@pytest.mark.django_db(transaction=True)
def test_a_run_tells_which_events_fail_still() -> None:
    event = StripeEvent.objects.create(
        event_id="evt_1", type="invoice.paid", created_at=now(), source="webhook", status="dead", body={}
    )
    client = log_in("Finance")
    client.post(EVENTS, {"action": "process_selected", "_selected_action": [event.pk]})
    run = finish(JobRun.objects.get())
    assert (run.status, run.reason, run.items.get().status) == ("failed", "Ticked in the list", "failed")
    assert run.items.get().error.startswith("The event does not say of its invoice")


@pytest.mark.parametrize("group", ["Support", "Read only"])
def test_others_may_look_and_not_process(group: str) -> None:
    event = StripeEvent.objects.create(
        event_id="evt_1", type="invoice.paid", created_at=now(), source="webhook", status="dead", body={}
    )
    client = log_in(group)
    shown = client.get(f"{EVENTS}{event.pk}/change/")
    assert (shown.status_code, _again(event) in shown.content.decode()) == (200, False)
    assert client.get(_again(event)).status_code == 403
    assert client.post(_again(event), {"reason": "Please"}).status_code == 403
    client.post(EVENTS, {"action": "process_selected", "_selected_action": [event.pk]})
    event.refresh_from_db()
    assert (event.status, JobRun.objects.exists()) == ("dead", False)


def test_nobody_looks_without_leave_or_changes_an_event() -> None:
    event = StripeEvent.objects.create(
        event_id="evt_1", type="invoice.paid", created_at=now(), source="webhook", status="dead", body={}
    )
    assert log_in().get(f"{EVENTS}{event.pk}/change/").status_code == 403
    assert Client().get(EVENTS).status_code == 302
    admin = log_in(superuser=True)
    assert admin.get(f"{EVENTS}add/").status_code == 403
    assert admin.post(f"{EVENTS}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin.get(f"{EVENTS}999/change/").status_code == 404
    assert StripeEvent.objects.count() == 1


def test_a_deleted_customer_shows_on_the_account() -> None:
    invoice = make_invoice(stripe_customer_id="cus_1")
    BillingAccount.objects.update(stripe_customer_deleted_at=dt.datetime(2026, 9, 2, tzinfo=dt.UTC))
    account = BillingAccount.objects.get(organization=invoice.organization)
    text = page(f"/admin/billing/billingaccount/{account.pk}/change/", "Finance")
    assert "Deleted in Stripe" in text
    assert f"{EVENTS}?q=cus_1" in text


@pytest.mark.parametrize(
    ("status", "state", "facts", "said"),
    [
        (
            "finalized",
            "open",
            {"failed_at": ISSUED_AT, "failed_attempt": 1},
            "Stripe tries again as it is set up",
        ),
        ("uncollectible", "uncollectible", {}, "Nobody in Stripe expects it to be paid any more."),
        ("paid", "paid", {"refunded_cents": 500}, "A refund alone takes nothing off the invoice"),
        ("paid", "paid", {"dispute": "needs_response"}, "Answer the dispute in Stripe"),
        ("paid", "paid", {"dispute": "lost"}, "The money is gone and the invoice stays paid here"),
    ],
)
def test_the_page_says_what_to_do(status: str, state: str, facts: dict[str, object], said: str) -> None:
    invoice, other = make_invoice(), make_invoice()
    pay(invoice, state, **facts)
    pay(other, "paid", amount_paid_cents=21_000)
    Invoice.objects.filter(pk=invoice.pk).update(status=status)
    Invoice.objects.filter(pk=other.pk).update(status="paid")
    assert said in page(f"{INVOICES}{invoice.pk}/change/")
    assert "hz-alert" not in page(f"{INVOICES}{other.pk}/change/")


def test_a_deleted_customer_shows_on_the_invoices_that_are_not_paid(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    BillingAccount.objects.update(stripe_customer_deleted_at=dt.datetime(2026, 9, 2, tzinfo=dt.UTC))
    said = "Its customer was deleted in Stripe on 2026-09-02"
    assert said in page(f"{INVOICES}{invoice.pk}/change/")
    happen(wired, stripe_id, "pay")
    hear(wired)
    assert said not in page(f"{INVOICES}{invoice.pk}/change/")
