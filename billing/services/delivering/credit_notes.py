"""Credit notes in Stripe: by what is owed there, so that nothing is given back twice."""

from django.db import transaction

from billing.models import Invoice, InvoiceDelivery
from billing.providers.stripe import GivenBack, StripeInvoice
from billing.providers.stripe_payments import LookedAt, NoteThere
from billing.services.balances import lock_invoices
from billing.services.books import identify
from billing.services.delivering.claims import Attempt, is_held
from billing.services.delivering.keys import make_key, make_mark
from billing.services.delivering.recognizing import check_amount, recognize
from billing.services.events.looking import look_at_invoice
from billing.services.pacing import open_stripe
from billing.services.reinstating import reinstate_credit_note
from billing.standing import split_credit
from common.errors import Permanent, Retryable
from common.money import format_money

Step = InvoiceDelivery.Step
Status = InvoiceDelivery.Status


def is_credit_note(invoice: Invoice) -> bool:
    """Return whether a document takes an amount off another: a month that came out negative is no such one."""
    return bool(invoice.corrects_id) and invoice.kind == Invoice.Kind.CREDIT_NOTE


@transaction.atomic
def release_credit_notes(invoice: Invoice) -> list[int]:
    """Let the credit notes that waited for their invoice to reach Stripe follow it; return their ids."""
    lock_invoices([invoice.pk])
    waiting = InvoiceDelivery.objects.filter(invoice__corrects=invoice, step=Step.STRIPE, status=Status.SKIPPED)
    waiting = waiting.exclude(invoice__status=Invoice.Status.VOID)
    found = list(waiting.order_by("invoice").values_list("invoice", flat=True))
    InvoiceDelivery.objects.filter(invoice__in=found, step=Step.STRIPE).update(status=Status.PENDING, error="")
    return found


def deliver_credit_note(claimed: Attempt) -> None:
    """Credit in Stripe what was credited here; where the invoice is not there yet, the credit note follows it later."""
    note, original = claimed.invoice, _get_original(claimed.invoice)
    there = _find_there(claimed, original)
    if there is None or there.status == "draft":
        _leave_for_later(claimed, original, there)
        return
    seen = look_at_invoice(original.pk, there.id)
    ours = [one for one in seen.notes if one.mark == make_mark(claimed)]
    missing, by_hand = -note.total_cents - sum(one.amount_cents for one in ours), _list_by_hand(note, seen)
    if missing > 0 and (by_hand or not ours):
        adopted = _adopt(claimed, seen, by_hand, missing)
        ours, missing = [*ours, *adopted], missing - sum(one.amount_cents for one in adopted)
    # Stripe takes no credit note for those, not even for the rest of what somebody credited there by hand.
    if missing and seen.facts.state in {"uncollectible", "void"}:
        _write_off(claimed, original, there.id, seen)
        return
    if ours and missing not in {0, _get_room(seen)}:
        check_amount(note, ours[0].id, -note.total_cents - missing)
    said = f"Credit note {note.number}"
    made = _create(claimed, there.id, seen, make_mark(claimed), said, missing) if missing else ours[0].id
    claimed.remember(reference=made)
    look_at_invoice(original.pk, there.id)
    note.refresh_from_db(fields=["credited_before_cents", "credited_after_cents", "refunded_cents"])


def _get_original(note: Invoice) -> Invoice:
    if note.corrects is None:
        raise Permanent(f"{note} names no invoice that it corrects.")
    return note.corrects


def _find_there(claimed: Attempt, original: Invoice) -> StripeInvoice | None:
    """Find the invoice in Stripe, by what it is called there or by our mark; None where it never got there."""
    sent, gateway = _find_delivery(claimed, original), open_stripe()
    if sent is None:
        return None
    if sent.reference:
        return gateway.get_invoice_or_none(sent.reference)
    customer = original.organization.billing_account.stripe_customer_id
    found = recognize(original, gateway.list_invoices(customer)) if customer else None
    if found is not None and found.status != "draft":
        # Events about it are to find it, too.
        InvoiceDelivery.objects.filter(pk=sent.pk, reference="").update(reference=found.id)
    return found


def _find_delivery(claimed: Attempt, original: Invoice) -> InvoiceDelivery | None:
    """Find how far the invoice's way to Stripe is; Retryable while another worker brings it there."""
    sent = InvoiceDelivery.objects.filter(invoice=original, step=Step.STRIPE).first()
    holder = claimed.parcel.holder
    is_ours = sent is not None and (sent.held_by_item, sent.held_by_token) == (holder.item, holder.token)
    if sent is not None and sent.status == Status.RUNNING and not is_ours and is_held(sent):
        raise Retryable(f"{original} is on its way to Stripe right now: this follows it.")
    return sent


@transaction.atomic
def _leave_for_later(claimed: Attempt, original: Invoice, draft: StripeInvoice | None) -> None:
    """Leave the credit note to whoever brings the invoice to Stripe; the lock lets none of them miss the other."""
    lock_invoices([original.pk])
    sent = _find_delivery(claimed, original)
    if draft is None and sent is not None and sent.status == Status.DONE:
        raise Retryable(f"{original} has reached Stripe meanwhile.", retry_after=1)
    if Invoice.objects.filter(pk=original.pk, status=Invoice.Status.CREDITED).exists():
        said = f"{original} was credited in full before it reached Stripe: nothing is due there."
    else:
        said = f"{original} has not reached Stripe: this follows it there."
    claimed.end(Status.SKIPPED, said)


def _get_room(seen: LookedAt) -> int:
    """Compute what of an invoice Stripe can still credit."""
    return seen.total_cents - sum(one.amount_cents for one in seen.notes)


def _adopt(claimed: Attempt, seen: LookedAt, by_hand: list[NoteThere], amount: int) -> list[NoteThere]:
    """Take for ours what somebody credited in Stripe by hand: a note over the same amount, or all that leaves no room.

    Raises Permanent where those leave room for neither all of our credit note nor exactly the rest of it.
    """
    note = claimed.invoice
    left = _get_room(seen)
    chosen = [one for one in by_hand if one.amount_cents == amount][:1]
    if not chosen and amount > left:
        chosen = by_hand
        if sum(one.amount_cents for one in by_hand) != amount - left:
            asked, most, made = (
                format_money(cents, note.currency) for cents in (amount, left, sum(one.amount_cents for one in by_hand))
            )
            raise Permanent(
                f"{asked} can't be credited in Stripe: {made} was credited there by hand, which leaves {most}. Void "
                f"{note} here; then issue one over the same amount for each that was made there, or one over all that "
                f"is left of {note.corrects}."
            )
    InvoiceDelivery.objects.filter(step=Step.STRIPE, reference__in=[one.id for one in chosen]).update(reference="")
    for one in chosen:
        open_stripe().mark_credit_note(one.id, make_mark(claimed), make_key(claimed, f"mark-{one.id}"))
    return chosen


def _list_by_hand(note: Invoice, seen: LookedAt) -> list[NoteThere]:
    """List what somebody credited in Stripe by hand, and what of ours is void here and stands there."""
    void = Invoice.objects.filter(corrects=note.corrects, number__isnull=False, status=Invoice.Status.VOID)
    free = {"", *(str(identify(one)) for one in void)}
    return [one for one in seen.notes if one.mark in free]


def credit_void_invoice(claimed: Attempt, stripe_invoice: str) -> bool:
    """Credit in Stripe what is void here and was paid there in part meanwhile, which Stripe voids no more.

    Returns whether that was so: then nothing is asked for, and what came in is the customer's credit.
    """
    seen = look_at_invoice(claimed.parcel.invoice_id, stripe_invoice)
    if not seen.facts.amount_paid_cents:
        return False
    if seen.facts.state == "uncollectible":
        raise Permanent(_neither(claimed.invoice))
    mark, left = f"{make_mark(claimed)}/void", seen.total_cents - sum(note.amount_cents for note in seen.notes)
    if left > 0 and all(note.mark != mark for note in seen.notes):
        _create(claimed, stripe_invoice, seen, mark, f"Void of {claimed.invoice}", left)
        look_at_invoice(claimed.parcel.invoice_id, stripe_invoice)
    return True


def _create(claimed: Attempt, stripe_invoice: str, seen: LookedAt, mark: str, description: str, amount: int) -> str:
    refunds = seen.free_refunds
    split = split_credit(amount, seen.remaining_cents, sum(refunds.values()) + seen.free_lost_cents)
    linked: dict[str, int] = {}
    for id_, cents in refunds.items():
        if cents := min(cents, split.returned - sum(linked.values())):
            linked[id_] = cents
    return open_stripe().create_credit_note(
        stripe_invoice,
        mark,
        description,
        amount,
        claimed.invoice.currency,
        GivenBack(linked, split.returned - sum(linked.values()), split.credit),
        make_key(claimed, "credit"),
    )


def _neither(invoice: Invoice) -> str:
    return (
        f"{invoice} is uncollectible and partly paid in Stripe, which neither voids nor credits it. Mark it there as "
        "paid elsewhere, and credit all of it there: what was paid to the customer's balance, the rest as refunded "
        "outside of Stripe. Then retry."
    )


def _write_off(claimed: Attempt, original: Invoice, stripe_invoice: str, seen: LookedAt) -> None:
    """Void in Stripe what is uncollectible there and credited in full here: it takes no credit note for it."""
    if seen.facts.state == "uncollectible":
        if seen.facts.amount_paid_cents:
            raise Permanent(_neither(original))
        if not Invoice.objects.filter(pk=original.pk, status=Invoice.Status.CREDITED).exists():
            raise Permanent(
                f"{original} is uncollectible in Stripe, which takes no credit note for a part of it: credit the rest "
                "as well, then retry."
            )
        open_stripe().void_invoice(stripe_invoice, make_key(claimed, "write-off"))
    claimed.note(note="Stripe credits no uncollectible invoice: it is void there instead.", voided=True)


def void_credit_note(claimed: Attempt) -> None:
    """Void in Stripe a credit note that was voided here, with what was made there by hand and taken for a part of it.

    One that never got there is left. Stripe voids none of an invoice that is settled: then it stands again here, too.
    """
    note, gateway = claimed.invoice, open_stripe()
    original = _get_original(note)
    there = original.deliveries.filter(step=Step.STRIPE).exclude(reference="").first()
    if there is None:
        return
    seen = look_at_invoice(original.pk, there.reference)
    ours = [one.id for one in seen.notes if one.mark == make_mark(claimed)]
    if not ours or seen.facts.state == "void":
        return
    if seen.facts.state != "open":
        how = "settled" if seen.facts.state == "paid" else seen.facts.state
        why = f"{original} is {how} in Stripe, which voids no credit note then."
        reinstate_credit_note(note.pk, why=why)
        look_at_invoice(original.pk, there.reference)
        claimed.end(Status.SKIPPED, f"{why} {note} stands: bill the month anew if more is due.")
        return
    for one in ours:
        gateway.void_credit_note(one, make_key(claimed, f"void-{one}"))
    claimed.remember(reference=ours[0])
    look_at_invoice(original.pk, there.reference)
