"""Payments, refunds and credit notes."""

import pytest
import stripe

from tests.sandbox.build import customer, draft, open_invoice


def test_paying_by_card_leaves_payment_intent_and_charge(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 4_200)
    paid = client.v1.invoices.pay(
        invoice.id, {"payment_method": "pm_card_visa", "expand": ["payments.data.payment.payment_intent"]}
    )
    assert (paid.status, paid.amount_paid, paid.amount_remaining, paid.attempt_count) == ("paid", 4_200, 0, 1)
    assert paid.payments is not None
    intent = paid.payments.data[0].payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_received) == ("succeeded", 4_200)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.paid, charge.amount, charge.customer) == (True, 4_200, invoice.customer)


def test_the_customers_card_is_used_and_a_missing_one_refused(client: stripe.StripeClient) -> None:
    owner = customer(client, invoice_settings={"default_payment_method": "pm_card_visa"})
    invoice = draft(client, 1_000, customer=owner.id)
    assert client.v1.invoices.pay(invoice.id).status == "paid"
    bare = open_invoice(client, 1_000)
    with pytest.raises(stripe.InvalidRequestError, match="default_payment_method"):
        client.v1.invoices.pay(bare.id)
    assert client.v1.invoices.retrieve(bare.id).attempt_count == 0


def test_a_declined_card_is_counted_and_leaves_the_invoice_open(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    with pytest.raises(stripe.CardError) as raised:
        client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"})
    assert raised.value.code == "card_declined"
    assert raised.value.error is not None
    assert raised.value.error.decline_code == "insufficient_funds"
    after = client.v1.invoices.retrieve(invoice.id)
    assert (after.status, after.attempt_count, after.amount_paid) == ("open", 1, 0)
    assert client.v1.events.list({"limit": 1}).data[0].type == "invoice.payment_failed"


def test_what_was_paid_elsewhere_makes_no_charge(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    paid = client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True, "expand": ["payments"]})
    assert (paid.status, paid.amount_paid_off_stripe, paid.attempted) == ("paid", 1_000, False)
    assert paid.payments is not None
    assert [payment.payment.type for payment in paid.payments.data] == ["payment_record"]
    assert client.v1.charges.list().data == []


def test_refunds_up_to_what_was_paid(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})
    charge = client.v1.charges.list().data[0]
    refund = client.v1.refunds.create({"charge": charge.id, "amount": 400})
    assert (refund.status, refund.amount) == ("succeeded", 400)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"charge": charge.id, "amount": 601})
    client.v1.refunds.create({"payment_intent": str(charge.payment_intent)})
    assert client.v1.charges.retrieve(charge.id).refunded is True
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.refunds.create({"charge": charge.id})
    assert raised.value.code == "charge_already_refunded"
    assert [entry.amount for entry in client.v1.refunds.list({"charge": charge.id}).data] == [600, 400]


def test_a_credit_note_lowers_what_is_owed_and_can_be_voided(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    note = client.v1.credit_notes.create(
        {
            "invoice": invoice.id,
            "lines": [
                {
                    "type": "invoice_line_item",
                    "invoice_line_item": invoice.lines.data[0].id,
                    "amount": 300,
                },
                {"type": "custom_line_item", "description": "Goodwill", "quantity": 2, "unit_amount": 50},
            ],
            "memo": "Sorry",
            "reason": "order_change",
            "metadata": {"credit_note": "7"},
        }
    )
    assert (note.total, note.type, note.number) == (400, "pre_payment", f"{invoice.number}-CN-01")
    assert [line.amount for line in note.lines.data] == [300, 100]
    owed = client.v1.invoices.retrieve(invoice.id)
    assert (owed.total, owed.amount_due, owed.amount_remaining) == (1_000, 600, 600)
    assert owed.pre_payment_credit_notes_amount == 400
    assert client.v1.credit_notes.void_credit_note(note.id).status == "void"
    assert client.v1.invoices.retrieve(invoice.id).amount_due == 1_000
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.credit_notes.void_credit_note(note.id)


def test_an_invoice_that_is_credited_whole_is_paid(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1_000})
    assert client.v1.invoices.retrieve(invoice.id).status == "paid"
    with pytest.raises(stripe.InvalidRequestError, match="exceeds"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1, "credit_amount": 1})
    assert len(client.v1.credit_notes.list({"invoice": invoice.id}).data) == 1


def test_what_was_paid_is_given_back_to_the_cent(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError, match="must equal"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500, "credit_amount": 499})
    note = client.v1.credit_notes.create(
        {"invoice": invoice.id, "amount": 500, "credit_amount": 200, "refund_amount": 250, "out_of_band_amount": 50}
    )
    assert (note.type, note.post_payment_amount) == ("post_payment", 500)
    assert note.refunds[0].amount_refunded == 250
    assert client.v1.charges.list().data[0].amount_refunded == 250
    assert client.v1.customers.retrieve(str(invoice.customer)).balance == -200


def test_drafts_and_void_invoices_take_no_credit_note(client: stripe.StripeClient) -> None:
    void = open_invoice(client, 1_000)
    client.v1.invoices.void_invoice(void.id)
    for invoice in (draft(client, 1_000), void):
        with pytest.raises(stripe.InvalidRequestError, match="open or paid"):
            client.v1.credit_notes.create({"invoice": invoice.id, "amount": 100})
    assert client.v1.credit_notes.list().data == []
