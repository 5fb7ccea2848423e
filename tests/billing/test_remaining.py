"""What we ask for is what Stripe asks for: balances, credit notes by hand, part payments, refunds, disputes."""

from typing import Any

import pytest

from billing.checks import find_differing
from billing.models import Invoice, InvoiceDelivery, Payment, StripeRecord
from billing.selectors.obstacles import get_obstacle_to_credit, get_obstacle_to_void
from billing.selectors.payments import (
    describe_difference,
    list_advice,
    list_differing,
    list_in_condition,
    list_outstanding,
)
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.delivering import deliver_email, deliver_file, deliver_pdf, deliver_stripe, deliver_stripe_void
from billing.services.delivering.claims import Parcel
from billing.services.delivering.documents import make_document
from billing.services.events import process_events
from common.errors import Permanent, WorkError
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.events import happen, hear, list_events, make_sent, take
from tests.factories.holders import hold
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.factories.staff import log_in
from tests.outside import Outside

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_thread")]


def deliver(invoice: Invoice, attempt: int = 1) -> WorkError | None:
    try:
        deliver_stripe(Parcel(invoice.pk, hold(key=f"{invoice.pk} {attempt}")))
    except WorkError as error:
        return error
    return None


def credit(invoice: Invoice, cents: int | None = None) -> Invoice:
    amounts = None if cents is None else {invoice.lines.get(kind="commission").pk: cents}
    return credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts=amounts)


def owed(invoice: Invoice) -> dict[str, Any]:
    """What stands with an invoice, but for zeros."""
    names = ("paid", "refunded", "disputed", "credited_before", "credited_after", "balance_applied", "remaining")
    found = Invoice.objects.get(pk=invoice.pk)
    return {"status": found.status} | {name: cents for name in names if (cents := getattr(found, f"{name}_cents"))}


def balance(outside: Outside) -> int:
    (customer,) = outside.list_objects("customer")
    return int(customer["balance"])


def asks(outside: Outside) -> list[int]:
    """What Stripe asks for, by invoice, the oldest first."""
    open_ones = {"open", "uncollectible"}
    return [one["amount_remaining"] if one["status"] in open_ones else 0 for one in outside.list_objects("invoice")]


def test_a_refund_and_then_a_credit_note_give_the_money_back_once(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    happen(wired, stripe_id, "refund", amount=21_000)
    hear(wired)
    note = credit(invoice)
    assert deliver(note) is None
    hear(wired)
    assert balance(wired) == 0
    (there,) = wired.list_objects("credit_note")
    assert [entry["amount_refunded"] for entry in there["refunds"]] == [21_000]
    assert owed(invoice) == {"status": "credited", "paid": 21_000, "refunded": 21_000, "credited_after": 21_000}


def test_a_refund_of_a_part_is_taken_off_what_a_credit_note_gives_back(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    happen(wired, stripe_id, "refund", amount=5_000)
    hear(wired)
    for number, cents in enumerate((3_000, 4_000)):
        assert deliver(credit(invoice, cents), number) is None
    # 7,000 are credited, of which 5,000 had gone back.
    assert balance(wired) == -2_000


def test_a_lost_dispute_and_then_a_credit_note_give_nothing_back(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    dispute = happen(wired, stripe_id, "dispute")
    wired.control("POST", f"/stripe/disputes/{dispute['id']}/close", status="lost")
    hear(wired)
    assert owed(invoice) == {"status": "paid", "paid": 21_000, "disputed": 21_000}
    assert deliver(credit(invoice)) is None
    assert balance(wired) == 0
    (there,) = wired.list_objects("credit_note")
    assert there["out_of_band_amount"] == 21_000


def test_a_credit_note_of_the_dashboard_and_a_part_payment_are_known(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "credit", amount=5_000)
    hear(wired)
    assert owed(invoice) == {"status": "finalized", "credited_before": 5_000, "remaining": 16_000}
    happen(wired, stripe_id, "pay", amount=4_000)
    hear(wired)
    assert owed(invoice) == {
        "status": "finalized", "paid": 4_000, "credited_before": 5_000, "remaining": 12_000,
    }  # fmt: skip
    assert [payment.amount_cents for payment in Payment.objects.filter(invoice=invoice)] == [4_000]
    assert asks(wired) == [12_000]
    happen(wired, stripe_id, "pay")
    hear(wired)
    assert owed(invoice) == {"status": "paid", "paid": 16_000, "credited_before": 5_000}


def test_a_credit_note_of_the_dashboard_is_taken_for_ours_when_we_issue_the_same(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "credit", amount=5_000)
    hear(wired)
    assert deliver(credit(invoice, 5_000)) is None
    hear(wired)
    assert [there["amount"] for there in wired.list_objects("credit_note")] == [5_000]
    assert owed(invoice) == {"status": "finalized", "credited_before": 5_000, "remaining": 16_000}


def test_a_credit_note_of_the_dashboard_is_a_part_of_ours_when_it_leaves_no_room_for_all_of_it(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "credit", amount=5_000)
    hear(wired)
    note = credit(invoice)
    assert deliver(note) is None
    InvoiceDelivery.objects.filter(invoice=note).update(status="failed")
    assert deliver(note, 2) is None
    hear(wired)
    assert sorted(there["amount"] for there in wired.list_objects("credit_note")) == [5_000, 16_000]
    assert (asks(wired), owed(invoice)) == ([0], {"status": "credited", "credited_before": 21_000})
    assert list(list_differing()) == []


def test_what_leaves_room_for_neither_all_of_a_credit_note_nor_its_rest_is_said(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "credit", amount=15_000)
    hear(wired)
    note = credit(invoice, 10_000)
    error = deliver(note)
    assert error is not None and error.message == (
        "USD 100.00 can't be credited in Stripe: USD 150.00 was credited there by hand, which leaves USD 60.00. Void "
        f"{note} here; then issue one over the same amount for each that was made there, or one over all that is left "
        f"of {invoice}."
    )
    assert [there["amount"] for there in wired.list_objects("credit_note")] == [15_000]
    # What was advised ends it, though Stripe voids nothing of an invoice that is settled there.
    happen(wired, stripe_id, "pay")
    hear(wired)
    void_invoice(note.pk, actor=None, reason="Advised")
    assert [deliver(credit(invoice, 15_000), 2), deliver(credit(invoice), 3)] == [None, None]
    hear(wired)
    assert sorted(there["amount"] for there in wired.list_objects("credit_note")) == [6_000, 15_000]
    assert (balance(wired), list(list_differing())) == (-6_000, [])


def test_what_was_owed_before_an_invoice_that_is_credited_in_full_is_still_asked_for(wired: Outside) -> None:
    first, _ = make_sent()
    account = first.organization.billing_account
    account.refresh_from_db()
    wired.act("POST", f"customers/{account.stripe_customer_id}", balance="2000")
    earn(first.organization.creators.get(), AUGUST.plus(1), 85_000)
    second = make_invoice(first.organization, AUGUST.plus(1))
    assert deliver(second) is None
    assert owed(second) == {"status": "finalized", "balance_applied": -2_000, "remaining": 20_000}
    assert deliver(credit(second)) is None
    hear(wired)
    left = {"status": "credited", "balance_applied": -2_000, "credited_before": 18_000}
    assert (asks(wired), owed(second)) == ([21_000, 2_000], left | {"remaining": 2_000})
    assert [(one.cents, one.invoices) for one in list_outstanding() or ()] == [(23_000, 2)]
    assert set(list_in_condition(Invoice.objects.all(), "outstanding")) == {first, second}
    assert list(list_differing()) == []
    second.refresh_from_db()
    assert list_advice(second, second.stripe_record) == [
        "It is credited in full. Stripe still asks for USD 20.00, which the customer owed before: collect it there, or "
        "mark it there as paid elsewhere."
    ]
    there = InvoiceDelivery.objects.get(invoice=second, step="stripe").reference
    happen(wired, there, "mark-uncollectible")
    hear(wired)
    # Written off: what remains is said with the invoice, and nobody is asked for it.
    assert owed(second) == left | {"remaining": 2_000}
    assert [(one.cents, one.invoices) for one in list_outstanding() or ()] == [(21_000, 1)]
    assert list(list_in_condition(Invoice.objects.all(), "outstanding")) == [first]
    happen(wired, there, "pay")
    hear(wired)
    assert (asks(wired), owed(second)) == ([21_000, 0], left | {"paid": 2_000})


def test_an_invoice_over_nothing_that_asks_for_an_earlier_balance_shows_it(wired: Outside) -> None:
    invoice = make_invoice()
    Invoice.objects.filter(pk=invoice.pk).update(balance_applied_cents=-2_000, remaining_cents=23_000)
    page = log_in("Finance").get(f"/admin/billing/invoice/{invoice.pk}/change/")
    assert ("Plus earlier balance", "USD 20.00") in page.context["owed"]
    assert page.context["owed"][-1] == ("Remaining", "USD 230.00")


def test_the_customers_balance_is_taken_off_what_we_ask_for(wired: Outside) -> None:
    first, _ = make_sent()
    account = first.organization.billing_account
    account.refresh_from_db()
    wired.act("POST", f"customers/{account.stripe_customer_id}", balance="-9980")
    creator = first.organization.creators.get()
    earn(creator, AUGUST.plus(1), 85_000)
    second = make_invoice(first.organization, AUGUST.plus(1))
    assert second.total_cents == 18_000
    assert deliver(second) is None
    assert owed(second) == {"status": "finalized", "balance_applied": 9_980, "remaining": 8_020}
    assert asks(wired) == [21_000, 8_020]
    # Crediting what a balance covers in part: what was open is taken off, the balance comes back.
    assert deliver(credit(second)) is None
    assert balance(wired) == -9_980
    assert owed(second) == {
        "status": "credited", "balance_applied": 9_980, "credited_before": 8_020, "credited_after": 9_980,
    }  # fmt: skip


def test_a_draft_that_somebody_deleted_is_made_again(wired: Outside) -> None:
    invoice = make_invoice()
    wired.fail("stripe", "/finalize$", status=402, body={"message": "Not now."}, times=1)
    assert deliver(invoice) is not None
    stripe_id = InvoiceDelivery.objects.get(invoice=invoice).reference
    wired.act("DELETE", f"invoices/{stripe_id}")
    assert deliver(invoice, 2) is None
    assert [there["total"] for there in wired.list_objects("invoice")] == [21_000]
    assert InvoiceDelivery.objects.get(invoice=invoice).reference != stripe_id


def test_an_uncollectible_invoice_that_is_credited_is_void_in_stripe(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "mark-uncollectible")
    hear(wired)
    assert owed(invoice) == {"status": "uncollectible", "remaining": 21_000}
    assert deliver(credit(invoice)) is None
    hear(wired)
    assert [there["status"] for there in wired.list_objects("invoice")] == ["void"]
    assert owed(invoice) == {"status": "credited", "credited_before": 21_000}


def test_what_is_uncollectible_unheard_and_credited_in_full_is_void_in_stripe(wired: Outside) -> None:
    """Whatever somebody credited there by hand before: Stripe takes no credit note for the rest of it."""
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "credit", amount=5_000)
    happen(wired, stripe_id, "mark-uncollectible")
    assert deliver(credit(invoice)) is None
    hear(wired)
    assert [there["status"] for there in wired.list_objects("invoice")] == ["void"]
    assert (asks(wired), owed(invoice)["status"], list(list_differing())) == ([0], "credited", [])


def test_what_is_void_unheard_and_credited_in_full_takes_no_credit_note_in_stripe(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "credit", amount=5_000)
    happen(wired, stripe_id, "void")
    assert deliver(credit(invoice)) is None
    hear(wired)
    assert [there["amount"] for there in wired.list_objects("credit_note")] == [5_000]
    assert (owed(invoice)["status"], list(list_differing())) == ("credited", [])


def test_a_part_credited_of_what_is_uncollectible_unheard_is_done_once_the_rest_is_credited(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "mark-uncollectible")
    part = credit(invoice, 5_000)
    error = deliver(part)
    assert error is not None and error.message == (
        f"{invoice} is uncollectible in Stripe, which takes no credit note for a part of it: credit the rest as well, "
        "then retry."
    )
    hear(wired)
    assert [deliver(credit(invoice), 2), deliver(part, 3)] == [None, None]
    hear(wired)
    assert (asks(wired), owed(invoice)) == ([0], {"status": "credited", "credited_before": 21_000})


def test_what_is_uncollectible_and_part_paid_unheard_is_done_once_people_credited_it_in_stripe(wired: Outside) -> None:
    """Stripe neither voids nor credits it: what people are told to do gives back 40.00, which is all that came in."""
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay", amount=4_000)
    happen(wired, stripe_id, "mark-uncollectible")
    note = credit(invoice)
    error = deliver(note)
    assert error is not None and error.message == (
        f"{invoice} is uncollectible and partly paid in Stripe, which neither voids nor credits it. Mark it there as "
        "paid elsewhere, and credit all of it there: what was paid to the customer's balance, the rest as refunded "
        "outside of Stripe. Then retry."
    )
    wired.act("POST", f"invoices/{stripe_id}/pay", paid_out_of_band="true")
    given = {"invoice": stripe_id, "amount": "21000", "credit_amount": "4000", "out_of_band_amount": "17000"}
    wired.act("POST", "credit_notes", **given)
    hear(wired)
    assert deliver(note, 2) is None
    hear(wired)
    assert (asks(wired), balance(wired), owed(invoice)["status"]) == ([0], -4_000, "credited")
    assert list(list_differing()) == []


def test_what_was_part_credited_and_part_paid_there_can_be_credited_in_full_though_uncollectible(
    wired: Outside,
) -> None:
    """A credit note made there by hand asks for one here, which nothing else allows."""
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "credit", amount=1_000)
    happen(wired, stripe_id, "pay", amount=4_000)
    happen(wired, stripe_id, "mark-uncollectible")
    hear(wired)
    assert list(list_differing()) == [invoice]
    note = credit(invoice)
    for attempt in (1, 2):
        error = deliver(note, attempt)
        assert error is not None and error.message.startswith(f"{invoice} is uncollectible and partly paid in Stripe")
    wired.act("POST", f"invoices/{stripe_id}/pay", paid_out_of_band="true")
    given = {"invoice": stripe_id, "amount": "20000", "credit_amount": "4000", "out_of_band_amount": "16000"}
    wired.act("POST", "credit_notes", **given)
    hear(wired)
    assert deliver(note, 3) is None
    hear(wired)
    assert sorted(there["amount"] for there in wired.list_objects("credit_note")) == [1_000, 20_000]
    assert (asks(wired), balance(wired), owed(invoice)["status"]) == ([0], -4_000, "credited")
    assert list(list_differing()) == []


def test_a_void_credit_note_gives_back_what_was_made_by_hand_and_taken_for_a_part_of_it(wired: Outside) -> None:
    first, _ = make_sent()
    account = first.organization.billing_account
    account.refresh_from_db()
    wired.act("POST", f"customers/{account.stripe_customer_id}", balance="2000")
    earn(first.organization.creators.get(), AUGUST.plus(1), 85_000)
    # What the customer owed before keeps it open in Stripe, where all of it is credited.
    invoice = make_invoice(first.organization, AUGUST.plus(1))
    assert deliver(invoice) is None
    stripe_id = InvoiceDelivery.objects.get(invoice=invoice, step="stripe").reference
    happen(wired, stripe_id, "credit", amount=5_000)
    hear(wired)
    note = credit(invoice)
    assert deliver(note) is None
    Invoice.objects.filter(pk=invoice.pk).update(status="finalized")
    void_invoice(note.pk, actor=None, reason="Agreed otherwise")
    deliver_stripe_void(Parcel(note.pk, hold(key="void")))
    hear(wired)
    assert {there["status"] for there in wired.list_objects("credit_note")} == {"void"}
    assert (asks(wired), owed(invoice)["remaining"]) == ([21_000, 20_000], 20_000)
    assert list(list_differing()) == []


def test_no_part_of_an_uncollectible_invoice_is_credited(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "mark-uncollectible")
    hear(wired)
    with pytest.raises(Permanent) as error:
        credit(invoice, 5_000)
    assert error.value.message == (
        f"{invoice} is uncollectible, and Stripe takes no credit note for a part of it: credit it all."
    )
    assert not Invoice.objects.filter(corrects=invoice).exists()


def test_a_part_paid_invoice_cannot_be_voided(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay", amount=4_000)
    hear(wired)
    invoice.refresh_from_db()
    assert get_obstacle_to_void(invoice) == f"A part of {invoice} is paid, so it can't be voided: credit it instead."


def test_a_credit_note_waits_for_its_invoice_and_follows_it(wired: Outside) -> None:
    invoice = make_invoice()
    note = credit(invoice, 5_000)
    assert deliver(note) is None
    assert InvoiceDelivery.objects.get(invoice=note).status == "skipped"
    assert deliver(invoice) is None
    assert asks(wired) == [16_000]
    assert owed(invoice) == {"status": "finalized", "credited_before": 5_000, "remaining": 16_000}


def test_the_page_pdf_and_mail_ask_for_what_the_balance_leaves(wired: Outside) -> None:
    first, _ = make_sent()
    account = first.organization.billing_account
    account.refresh_from_db()
    wired.act("POST", f"customers/{account.stripe_customer_id}", balance="-9980")
    earn(first.organization.creators.get(), AUGUST.plus(1), 85_000)
    second = make_invoice(first.organization, AUGUST.plus(1))
    parcel = Parcel(second.pk, hold(key="second"))
    deliver_stripe(parcel)
    document = make_document(parcel.invoice, parcel.lines)
    assert (document.total, document.credit_label, document.credit, document.due) == (
        "USD 180.00", "Less credit", "-USD 99.80", "USD 80.20",
    )  # fmt: skip
    deliver_pdf(parcel)
    deliver_file(parcel)
    deliver_email(parcel)
    (mail,) = wired.list_mails()
    message = wired.read_mail(mail["number"])
    assert message["Subject"].endswith("USD 80.20")
    text = message.get_body(("plain",))
    assert text is not None
    assert "Amount due: USD 80.20" in text.get_content()
    assert [(owed.cents, owed.invoices) for owed in list_outstanding() or ()] == [(29_020, 2)]
    page = log_in("Read only").get(f"/admin/billing/invoice/{second.pk}/change/").content.decode()
    assert "USD 80.20" in page


def test_what_is_credited_in_full_is_mailed_without_asking_for_money(wired: Outside) -> None:
    invoice = make_invoice()
    credit(invoice)
    parcel = Parcel(invoice.pk, hold(key="late"))
    for step in (deliver_stripe, deliver_pdf, deliver_file, deliver_email):
        step(parcel)
    assert wired.list_objects("invoice") == []
    (mail,) = wired.list_mails()
    text = wired.read_mail(mail["number"]).get_body(("plain",))
    assert text is not None
    assert "No payment is due." in text.get_content()


def test_more_given_back_than_came_in_is_a_difference(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    hear(wired)
    assert deliver(credit(invoice)) is None
    happen(wired, stripe_id, "refund", amount=21_000)
    hear(wired)
    assert list(list_differing()) == [invoice]
    said = describe_difference(Invoice.objects.get(pk=invoice.pk), StripeRecord.objects.get(invoice=invoice))
    assert said.startswith("More was given back than came in")


def test_a_credit_note_by_hand_is_a_difference_until_it_is_issued_here(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "credit", amount=5_000)
    happen(wired, stripe_id, "pay")
    hear(wired)
    assert list(list_differing()) == [invoice]
    assert deliver(credit(Invoice.objects.get(pk=invoice.pk), 5_000)) is None
    hear(wired)
    assert list(list_differing()) == []


def test_a_disputed_payment_is_not_credited_before_the_bank_has_decided(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    happen(wired, stripe_id, "dispute")
    hear(wired)
    assert get_obstacle_to_credit(Invoice.objects.get(pk=invoice.pk)).startswith(
        f"The payment of {invoice} is disputed"
    )


def test_what_our_rows_do_not_explain_is_an_incident(wired: Outside) -> None:
    invoice, _ = make_sent()
    assert deliver(credit(invoice, 5_000)) is None
    hear(wired)
    assert list(find_differing()) == []
    (note,) = wired.list_objects("credit_note")
    wired.act("POST", f"credit_notes/{note['id']}/void")
    hear(wired)
    assert asks(wired) == [21_000]
    record = StripeRecord.objects.get(invoice=invoice)
    assert (owed(invoice)["remaining"], record.unexplained_cents) == (16_000, 5_000)
    assert [finding.count for finding in find_differing()] == [1]
    said = describe_difference(Invoice.objects.get(pk=invoice.pk), record)
    assert said == (
        "Stripe asks for USD 210.00, we ask for USD 160.00. Compare the credit notes and payments in Stripe."
    )


def test_a_customers_balance_follows_stripe_in_any_order(wired: Outside) -> None:
    first, _ = make_sent()
    account = first.organization.billing_account
    account.refresh_from_db()
    for cents in ("-9980", "-5000", "-2500"):
        wired.act("POST", f"customers/{account.stripe_customer_id}", balance=cents)
    events = [event for event in list_events(wired, "customer.updated") if event["data"]["object"]["balance"]]
    assert len(events) == 3
    for event in reversed(events):
        take([event])
        process_events()
        account.refresh_from_db()
        assert account.stripe_balance_cents == 2_500


def test_billing_a_paid_month_anew_asks_for_what_its_credit_leaves(wired: Outside) -> None:
    """2,011.20 were paid and are credited; of 2,514.00 billed in their place, 502.80 remain, here as in Stripe."""
    plan = make_plan(commission_basis="net")
    organization = make_organization(plan, account={"tax_rate_bps": 2_000, "max_change_percent": 10_000})
    creator = make_creator(organization)
    earn(creator, AUGUST, 838_000)
    former = make_invoice(organization)
    assert (former.total_cents, deliver(former)) == (201_120, None)
    happen(wired, InvoiceDelivery.objects.get(invoice=former).reference, "pay")
    hear(wired)
    assert deliver(credit(former)) is None
    earn(creator, AUGUST, 1_047_500)
    anew = make_invoice(organization)
    assert (anew.total_cents, deliver(anew)) == (251_400, None)
    hear(wired)
    assert owed(anew) == {"status": "finalized", "balance_applied": 201_120, "remaining": 50_280}
    assert asks(wired) == [0, 50_280]
    assert balance(wired) == 0


def test_what_is_void_here_and_part_paid_there_meanwhile_is_asked_for_no_more(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay", amount=4_000)
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    for attempt in (1, 2):
        deliver_stripe_void(Parcel(invoice.pk, hold(key=f"void {attempt}")))
    hear(wired)
    assert (asks(wired), balance(wired)) == ([0], -4_000)
    assert [note["amount"] for note in wired.list_objects("credit_note")] == [21_000]
    assert owed(invoice) == {"status": "void", "paid": 4_000, "credited_before": 17_000, "credited_after": 4_000}
    assert list(list_differing()) == []


def test_what_is_void_here_and_was_part_paid_and_refunded_there_is_settled(wired: Outside) -> None:
    """The credit note of the void stands for the refund: that is no more than came in."""
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay", amount=4_000)
    happen(wired, stripe_id, "refund", amount=4_000)
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    deliver_stripe_void(Parcel(invoice.pk, hold(key="void")))
    hear(wired)
    assert (asks(wired), balance(wired)) == ([0], 0)
    assert list(list_differing()) == []
