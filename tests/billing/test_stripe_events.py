"""What each of Stripe's events changes here, and what it leaves alone."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import IntegrityError

from billing.models import BillingAccount, Invoice, InvoiceDelivery, StripeEvent, StripeRecord
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.delivering import deliver_stripe
from billing.services.delivering.claims import Parcel
from billing.services.events import process_events, requeue_events
from billing.services.pacing import open_stripe
from common.errors import Permanent
from tests.factories.billing import AUGUST
from tests.factories.events import happen, hear, list_events, look_around, make_sent, take
from tests.factories.holders import hold
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.outside import Outside

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_thread")]


def payment(invoice: Invoice) -> StripeRecord:
    return StripeRecord.objects.get(invoice=invoice)


def status(invoice: Invoice) -> str:
    return Invoice.objects.values_list("status", flat=True).get(pk=invoice.pk)


def event(type_: str) -> StripeEvent:
    return StripeEvent.objects.get(type=type_)


def test_a_paid_invoice_is_paid_here(wired: Outside) -> None:
    (invoice, stripe_id), (other, _) = make_sent(), make_sent()
    happen(wired, stripe_id, "pay")
    hear(wired)
    found = payment(invoice)
    (there,) = [one for one in wired.list_objects("invoice") if one["id"] == stripe_id]
    paid_at = dt.datetime.fromtimestamp(there["status_transitions"]["paid_at"], dt.UTC)
    assert (status(invoice), found.state, found.stripe_invoice) == ("paid", "paid", stripe_id)
    assert (found.amount_paid_cents, found.paid_at, found.attempts) == (invoice.total_cents, paid_at, 1)
    assert (found.failed_at, found.refunded_cents, found.dispute, found.is_credited) == (None, 0, "", False)
    row = event("invoice.paid")
    assert (row.status, row.invoice_id, row.object_id, row.attempts, row.error) == (
        "done", invoice.pk, stripe_id, 1, ""
    )  # fmt: skip
    assert row.finished_at is not None
    assert (status(other), payment(other).state, payment(other).amount_paid_cents) == ("finalized", "open", 0)


def test_what_is_paid_outside_of_stripe_counts(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    wired.control("POST", f"/stripe/invoices/{stripe_id}/pay")
    paid = list_events(wired, "invoice.paid")[0]
    paid["data"]["object"] |= {"amount_paid": 0, "amount_paid_off_stripe": invoice.total_cents}
    take([paid])
    process_events()
    assert (status(invoice), payment(invoice).amount_paid_cents) == ("paid", invoice.total_cents)


def test_a_failed_payment_says_why_and_leaves_the_invoice_due(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "fail")
    happen(wired, stripe_id, "fail", payment_method="pm_card_chargeDeclinedInsufficientFunds")
    hear(wired)
    found, last = payment(invoice), list_events(wired, "invoice.payment_failed")[-1]
    assert (status(invoice), found.state, found.attempts, found.failed_attempt) == ("finalized", "open", 2, 2)
    assert found.failed_at == dt.datetime.fromtimestamp(last["created"], dt.UTC)
    assert found.failure == "Your card has insufficient funds."
    happen(wired, stripe_id, "pay")
    hear(wired)
    found.refresh_from_db()
    assert (status(invoice), found.attempts, found.failed_attempt) == ("paid", 3, 2)
    assert found.failure == "Your card has insufficient funds."


def test_an_uncollectible_invoice_is_so_here(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "mark-uncollectible")
    hear(wired)
    assert (status(invoice), payment(invoice).state) == ("uncollectible", "uncollectible")
    happen(wired, stripe_id, "pay")
    hear(wired)
    assert status(invoice) == "paid"


def test_an_invoice_voided_in_stripe_by_hand_stays_due_until_a_person_decides(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "void")
    hear(wired)
    assert (status(invoice), payment(invoice).state) == ("finalized", "void")
    void_invoice(invoice.pk, actor=None, reason="Voided in Stripe too")
    requeue_events(StripeEvent.objects.values_list("pk", flat=True))
    process_events()
    assert status(invoice) == "void"


def test_what_people_took_back_here_stays_so_whatever_stripe_says_later(wired: Outside) -> None:
    (voided, first), (credited, second) = make_sent(), make_sent()
    happen(wired, first, "pay")
    happen(wired, second, "pay")
    void_invoice(voided.pk, actor=None, reason="Wrong")
    credit_invoice(credited.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    hear(wired)
    assert (status(voided), payment(voided).state) == ("void", "paid")
    assert (status(credited), payment(credited).state) == ("credited", "paid")


def test_an_invoice_that_a_credit_note_settled_in_stripe_is_not_paid(wired: Outside) -> None:
    """A credit note of ours says `credited`; one made in Stripe by hand is for a person to look at."""
    (ours, _), (by_hand, stripe_id) = make_sent(), make_sent()
    note = credit_invoice(ours.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    deliver_stripe(Parcel(note.pk, hold(key="note")))
    happen(wired, stripe_id, "credit", amount=by_hand.total_cents)
    hear(wired)
    assert (status(ours), payment(ours).is_credited, payment(ours).amount_paid_cents) == ("credited", True, 0)
    assert (status(by_hand), payment(by_hand).is_credited) == ("finalized", True)
    with pytest.raises(Permanent, match="is settled in Stripe"):
        void_invoice(note.pk, actor=None, reason="A mistake")
    assert status(ours) == "credited"


def test_a_paid_invoice_whose_credit_note_is_voided_is_paid_again(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    hear(wired)
    note = credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert status(invoice) == "credited"
    void_invoice(note.pk, actor=None, reason="A mistake")
    assert status(invoice) == "paid"


def test_refunds_are_looked_up(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    happen(wired, stripe_id, "refund", amount=500)
    happen(wired, stripe_id, "refund", amount=250)
    hear(wired)
    assert (status(invoice), payment(invoice).refunded_cents) == ("paid", 750)
    rows = StripeEvent.objects.filter(type="charge.refunded")
    assert list(rows.values_list("status", "invoice")) == [("done", invoice.pk)] * 2


def test_disputes_are_looked_up(wired: Outside) -> None:
    (invoice, stripe_id), (other, other_id) = make_sent(), make_sent()
    for id_ in (stripe_id, other_id):
        happen(wired, id_, "pay")
    dispute = happen(wired, stripe_id, "dispute", amount=700)
    hear(wired)
    assert (payment(invoice).dispute, payment(invoice).disputed_cents) == ("needs_response", 700)
    wired.control("POST", f"/stripe/disputes/{dispute['id']}/close", status="lost")
    hear(wired)
    assert (status(invoice), payment(invoice).dispute) == ("paid", "lost")
    assert (payment(other).dispute, payment(other).disputed_cents) == ("", 0)


def test_one_look_serves_all_events_about_one_payment(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    for _ in range(5):
        happen(wired, stripe_id, "refund", amount=10)
    take(list_events(wired))
    wired.control("DELETE", "/requests")
    process_events()
    assert payment(invoice).refunded_cents == 50
    asked = [request["path"] for request in wired.list_requests(service="stripe")]
    looked = [f"/v1/invoices/{stripe_id}", "/v1/invoice_payments", "/v1/charges", "/v1/refunds"]
    assert asked == ["/v1/invoice_payments", *looked]


def test_a_deleted_customer_is_noted_and_the_next_invoice_makes_a_new_one(wired: Outside) -> None:
    invoice, _ = make_sent()
    account = invoice.organization.billing_account
    account.refresh_from_db()
    former = account.stripe_customer_id
    open_stripe()._client.v1.customers.delete(former)
    hear(wired)
    account.refresh_from_db()
    deleted = list_events(wired, "customer.deleted")[0]
    assert account.stripe_customer_deleted_at == dt.datetime.fromtimestamp(deleted["created"], dt.UTC)
    assert (account.stripe_customer_id, event("customer.deleted").account_id) == (former, account.pk)
    following = make_invoice(invoice.organization, AUGUST.plus(1))
    deliver_stripe(Parcel(following.pk, hold(2)))
    account.refresh_from_db()
    assert account.stripe_customer_id not in {"", former}
    assert account.stripe_customer_deleted_at is None


def test_a_customer_that_bears_our_mark_is_kept_where_none_is_known(wired: Outside) -> None:
    invoice, _ = make_sent()
    account = BillingAccount.objects.get(organization=invoice.organization)
    BillingAccount.objects.update(stripe_customer_id="")
    hear(wired)
    assert BillingAccount.objects.get().stripe_customer_id == account.stripe_customer_id


def test_unknown_types_are_kept_and_ignored(wired: Outside) -> None:
    make_sent()
    created = list_events(wired, "invoice.created")
    before = look_around()
    assert len(take(created)) == 1
    assert process_events() == 0
    row = event("invoice.created")
    assert (row.status, row.attempts, row.invoice_id, row.body) == ("ignored", 0, None, created[0])
    assert look_around() == before


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"id": "in_else", "metadata": {}}, "It is about none of our invoices."),
        (
            {"id": "in_else", "metadata": {"huntaze_document": f"{uuid.UUID(int=0)}/org_1/2026-08/invoice/1"}},
            "It is about none of our invoices.",
        ),
        ({"id": "in_else", "metadata": {"huntaze_document": "1²"}}, "It is about none of our invoices."),
        ({"id": "in_else", "number": "INV-1999-000001"}, "It is about none of our invoices."),
        ({"id": "in_else"}, "{number} is {stripe_id} in Stripe, not this one."),
    ],
)
def test_an_event_about_an_invoice_that_is_not_ours_is_kept_and_ignored(
    wired: Outside, change: dict[str, Any], note: str
) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    paid = list_events(wired, "invoice.paid")
    paid[0]["data"]["object"] |= change
    take(paid)
    process_events()
    row = event("invoice.paid")
    assert (row.status, row.invoice_id, row.error) == ("ignored", None, "")
    assert row.note == note.format(number=invoice.number, stripe_id=stripe_id)
    assert (status(invoice), StripeRecord.objects.count()) == ("finalized", 0)


def test_a_charge_of_nobody_we_know_is_kept_and_ignored(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    happen(wired, stripe_id, "refund", amount=500)
    InvoiceDelivery.objects.update(reference="in_else")
    hear(wired, "charge.refunded")
    row = event("charge.refunded")
    assert (row.status, row.note) == ("ignored", "It is about none of our invoices.")
    loose = {**list_events(wired, "charge.refunded")[0], "id": "evt_loose"}
    loose["data"]["object"]["payment_intent"] = None
    take([loose])
    process_events()
    assert StripeEvent.objects.get(event_id="evt_loose").note == "It belongs to no payment of an invoice."
    assert status(invoice) == "finalized"


def test_an_event_that_overtakes_the_delivery_is_retried_until_its_id_is_stored(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    InvoiceDelivery.objects.update(reference="")
    hear(wired, "invoice.paid")
    row = event("invoice.paid")
    assert (row.status, row.attempts, row.invoice_id) == ("waiting", 1, None)
    assert row.not_before is not None
    assert row.error == f"{stripe_id} bears the mark of {invoice.number}, whose delivery to Stripe is not noted yet."
    assert status(invoice) == "finalized"
    InvoiceDelivery.objects.update(reference=stripe_id)
    StripeEvent.objects.update(not_before=None)
    assert process_events() == 1
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error, status(invoice)) == ("done", 2, "", "paid")


def test_one_whose_delivery_never_comes_fails_in_the_end_and_can_be_processed_again(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    InvoiceDelivery.objects.update(reference="")
    take(list_events(wired, "invoice.paid"))
    pauses = []
    for _ in range(3):
        StripeEvent.objects.update(not_before=None)
        process_events()
        pauses.append(event("invoice.paid").not_before is not None)
    row = event("invoice.paid")
    assert (pauses, row.status, row.attempts) == ([True, True, False], "dead", 3)
    assert process_events() == 0
    InvoiceDelivery.objects.update(reference=stripe_id)
    assert requeue_events([row.pk]) == 1
    process_events()
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error, status(invoice)) == ("done", 1, "", "paid")


def test_a_body_that_says_nothing_useful_fails_alone(wired: Outside) -> None:
    (invoice, first), (other, second) = make_sent(), make_sent()
    happen(wired, first, "pay")
    happen(wired, second, "pay")
    events = list_events(wired, "invoice.paid")
    del events[0]["data"]["object"]["status_transitions"]
    take(events)
    process_events()
    row = StripeEvent.objects.get(event_id=events[0]["id"])
    assert (row.status, row.attempts) == ("dead", 1)
    assert row.error == (
        "The event does not say of its invoice what Stripe's events say (KeyError: 'status_transitions')."
    )
    assert {status(invoice), status(other)} == {"finalized", "paid"}


def test_stripe_out_of_reach_is_waited_for_and_a_wrong_key_blames_no_event(wired: Outside, settings: Any) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    happen(wired, stripe_id, "refund", amount=500)
    wired.fail("stripe", "/v1/invoice_payments", status=500)
    hear(wired, "charge.refunded")
    row = event("charge.refunded")
    assert (row.status, row.attempts, row.error) == ("waiting", 1, "Stripe failed on its side (500).")
    settings.STRIPE_API_KEY = "sk_test_expired"
    for _ in range(5):
        StripeEvent.objects.update(not_before=None)
        process_events()
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("waiting", 1)
    assert row.error == "Stripe refuses the API key: set STRIPE_API_KEY to a valid one."
    settings.STRIPE_API_KEY = "sk_test_fine"
    StripeEvent.objects.update(not_before=None)
    process_events()
    row.refresh_from_db()
    assert (row.status, row.error, payment(invoice).refunded_cents) == ("done", "", 500)


def test_the_same_event_twice_is_one_row(wired: Outside) -> None:
    _, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    paid = list_events(wired, "invoice.paid")
    assert len(take(paid)) == 1
    assert take(paid, source="eventbridge") == []
    assert StripeEvent.objects.get().source == "webhook"
    StripeEvent.objects.update(event_id="evt_before")
    with pytest.raises(IntegrityError, match="billing_event_unique"):
        StripeEvent.objects.create(event_id="evt_before", type="x", source="repair", created_at=ISSUED_AT, body={})


def test_what_was_issued_is_still_what_was_issued(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    said = Invoice.objects.values().get(pk=invoice.pk)
    happen(wired, stripe_id, "pay")
    hear(wired)
    assert Invoice.objects.values().get(pk=invoice.pk) == {
        **said,
        "status": "paid",
        "paid_cents": 21_000,
        "remaining_cents": 0,
    }


def test_an_invoice_that_was_never_sent_is_none_of_stripes_business(wired: Outside) -> None:
    invoice = make_invoice()
    hear(wired)
    assert (status(invoice), StripeEvent.objects.count()) == ("finalized", 0)
