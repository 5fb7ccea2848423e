"""Restoring what our books lost: a month computed anew that comes to the same total is issued as Stripe has it."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction

from accounts.services.auditing import record_action
from billing.models import BillingAccount, Invoice, InvoiceDelivery
from billing.providers.stripe_books import StripeDocument
from billing.services.balances import refresh_balances
from billing.services.computing import compute_invoices
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.events.looking import look_at_invoice
from billing.services.numbering import number_as, raise_counter
from billing.services.reconciling import Pair, State
from common.clock import Month, now
from common.errors import Permanent
from common.money import format_money

Step = InvoiceDelivery.Step
Status = InvoiceDelivery.Status
WHO = "Reconciling with Stripe"
_NOT_AGAIN = "It went out before the backup was restored: it is not sent again."


def repair(pairs: Iterable[Pair]) -> tuple[list[Invoice], dict[str, str]]:
    """Restore and note what can be; return the documents, and by Stripe's id why others could not be.

    In the order of their numbers, for a month builds on those before. What is left stays as it is; its number is taken.
    """
    repaired: list[Invoice] = []
    left: dict[str, str] = {}
    wanted = {State.ONLY_THERE, State.NOT_NOTED}
    found = [(pair.there, pair.here) for pair in pairs if pair.there is not None and pair.state in wanted]
    # Credit notes come after the invoices that they take from.
    for there, here in sorted(found, key=lambda one: (bool(one[0].corrects), one[0].number)):
        try:
            repaired.append(_repair(there, here))
        except Permanent as error:
            left[there.id] = error.message
    for there, _ in found:
        if there.status != "draft":
            raise_counter(there.number)
    return repaired, left


def _repair(there: StripeDocument, here: Invoice | None) -> Invoice:
    with transaction.atomic():
        invoice = here or _restore(there)
        _note(there, invoice)
        if there.status == "void" and here is None:
            _void(invoice)
    if not there.corrects and there.status not in {"draft", "void"}:
        # What was paid and credited meanwhile.
        look_at_invoice(invoice.pk, there.id)
    return invoice


def _restore(there: StripeDocument) -> Invoice:
    if there.status == "draft":
        raise Permanent("It is only a draft, which asks nobody for money: delete it in Stripe.")
    if not there.number:
        raise Permanent("Stripe doesn't say which number it had here: enter it by hand.")
    invoice = _credit(there) if there.corrects else _bill(there)
    record_action("restore", invoice, who=WHO, reason=f"{there.id} in Stripe, lost with a backup that was restored")
    return invoice


def _bill(there: StripeDocument) -> Invoice:
    organization, month = there.identity.organization, Month.of(there.identity.month)
    computed = compute_invoices([organization], month, run_id=None, by_name=True)
    if organization in computed.refused:
        raise computed.refused[organization]
    if organization in computed.left_out:
        raise Permanent(computed.left_out[organization])
    if draft := computed.drafts.get(organization):
        invoice = Invoice.objects.get(pk=draft.id)
    else:
        invoice = Invoice.objects.get(pk=computed.existing[organization][0])
    if invoice.number:
        raise Permanent(f"The month is billed here as {invoice}: void one of the two.")
    if (invoice.total_cents, invoice.currency, invoice.kind) != (
        there.total_cents,
        there.currency,
        there.identity.kind,
    ):
        total = format_money(invoice.total_cents, invoice.currency)
        raise Permanent(f"Computed anew, the month comes to {total}: see why, then bill it or void the one in Stripe.")
    _number(there, invoice.pk)
    invoice.refresh_from_db()
    return invoice


def _credit(there: StripeDocument) -> Invoice:
    original = Invoice.objects.filter(deliveries__step=Step.STRIPE, deliveries__reference=there.corrects).first()
    if original is None:
        raise Permanent(f"The invoice that it takes from, {there.corrects}, is not in our books.")
    if there.status == "void":
        raise Permanent(f"It is void: {original} misses nothing by it.")
    note = credit_invoice(
        original.pk,
        actor=None,
        reason=f"Restored: {there.id} in Stripe",
        now=there.created_at,
        number=lambda ids, at: _number(there, *ids),
    )
    if note.total_cents != there.total_cents:
        raise Permanent(f"It takes a part of {original}: credit the same lines here, and it is taken up.")
    return note


def _number(there: StripeDocument, invoice_id: int) -> None:
    due = there.due_at.date() if there.due_at else None
    number_as(invoice_id, there.number, there.identity.ordinal, there.created_at, due)


def _note(there: StripeDocument, invoice: Invoice) -> None:
    """Note the delivery to Stripe as done, and the e-mail as one that is not wanted."""
    BillingAccount.objects.filter(organization=invoice.organization_id, stripe_customer_id="").update(
        stripe_customer_id=there.customer
    )
    _end(invoice, Step.STRIPE, Status.DONE, there.created_at, reference=there.id, detail=_describe(there))
    if not invoice.deliveries.filter(step=Step.EMAIL, status=Status.DONE).exists():
        _end(invoice, Step.EMAIL, Status.SKIPPED, None, error=_NOT_AGAIN)
    refresh_balances([invoice.pk])


def _describe(there: StripeDocument) -> dict[str, str]:
    return {"status": there.status, "url": there.url} if there.url else {"status": there.status}


def _end(invoice: Invoice, step: str, status: str, at: dt.datetime | None, **fields: object) -> None:
    InvoiceDelivery.objects.update_or_create(
        invoice=invoice, step=step, sequence=1, defaults={"status": status, "done_at": at, "error": "", **fields}
    )


def _void(invoice: Invoice) -> None:
    """Void here what is void in Stripe: it was before the backup was restored."""
    void_invoice(invoice.pk, actor=None, reason="It is void in Stripe")
    InvoiceDelivery.objects.filter(invoice=invoice, step=Step.STRIPE_VOID).update(status=Status.DONE, done_at=now())
