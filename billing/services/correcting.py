"""Corrections: an issued invoice never changes, so it is voided or credited, and billed anew if need be."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from billing.models import Invoice, InvoiceAction, InvoiceDelivery, InvoiceLine
from billing.selectors.credits import choose_tax, find_fault_in_amounts, has_left_to_credit
from billing.selectors.invoices import get_left_to_credit
from billing.selectors.obstacles import (
    get_obstacle_to_credit,
    get_obstacle_to_issue,
    get_obstacle_to_release,
    get_obstacle_to_void,
)
from billing.services.actions import note_action
from billing.services.balances import keep_split, refresh_balances
from billing.services.delivering.leaving import leave_undelivered
from billing.services.locking import lock_accounts_of, lock_invoice
from billing.services.numbering import finalize_invoices
from billing.services.recording import record_invoices
from billing.services.writing import reinstate_statements, restore_statements
from common.clock import Month
from common.errors import Permanent
from common.money import format_money
from jobs.models import JobRun
from jobs.selectors import list_lineage
from onlyfans.models import CreatorAccount

if TYPE_CHECKING:
    from accounts.models import User

_REACHED = ("done", "running", "unknown")


def _refuse_for(obstacle: str) -> None:
    if obstacle:
        raise Permanent(obstacle)


def _require_reason(reason: str) -> str:
    if not reason.strip():
        raise Permanent("Say why: the reason is kept with the invoice.")
    return reason.strip()


@transaction.atomic
def approve_invoice(invoice_id: int, *, actor: "User | None", reason: str, seen: str | None = None) -> Invoice:
    """Let a held invoice go on as it is; the caller starts its month's billing for it.

    `seen` is the `seen_mark` of what the person looked at: what was computed anew since is not approved unseen.
    """
    invoice = lock_invoice(invoice_id)
    if seen is not None and seen != invoice.seen_mark and invoice.status == Invoice.Status.HELD:
        total = format_money(invoice.total_cents, invoice.currency)
        raise Permanent(f"{invoice} was computed anew since you opened this page and is {total} now: look again.")
    _refuse_for(get_obstacle_to_release(invoice) or get_obstacle_to_issue(invoice))
    invoice.status = Invoice.Status.DRAFT
    invoice.save(update_fields=["status"])
    _note(invoice, InvoiceAction.Verb.APPROVE, actor, reason, Invoice.Status.HELD, total_cents=invoice.total_cents)
    return invoice


@transaction.atomic
def reject_invoice(invoice_id: int, *, actor: "User | None", reason: str) -> Invoice:
    """Refuse a held invoice; the month is free to be billed anew."""
    invoice = lock_invoice(invoice_id)
    _refuse_for(get_obstacle_to_release(invoice))
    reason = _require_reason(reason)
    invoice.status = Invoice.Status.REJECTED
    invoice.save(update_fields=["status"])
    restore_statements([invoice.pk])
    _note(invoice, InvoiceAction.Verb.REJECT, actor, reason, Invoice.Status.HELD, total_cents=invoice.total_cents)
    return invoice


@transaction.atomic
def void_invoice(invoice_id: int, *, actor: "User | None", reason: str) -> Invoice:
    """Void an issued invoice that nobody has paid; its number stays taken, its month is free to be billed anew.

    Where it reached Stripe, a delivery row asks for it to be voided there.
    """
    invoice = lock_invoice(invoice_id)
    _refuse_for(get_obstacle_to_void(invoice))
    reason = _require_reason(reason)
    sent = invoice.deliveries.filter(step=InvoiceDelivery.Step.STRIPE)
    was, invoice.status = invoice.status, Invoice.Status.VOID
    invoice.save(update_fields=["status"])
    restore_statements([invoice.pk])
    if sent.filter(Q(status__in=_REACHED) | ~Q(reference="")).exists():
        asked = {"status": InvoiceDelivery.Status.PENDING, "error": ""}
        InvoiceDelivery.objects.update_or_create(asked, invoice=invoice, step=InvoiceDelivery.Step.STRIPE_VOID)
    leave_undelivered([invoice.pk])
    refresh_balances([invoice.pk])
    if original := invoice.corrects:
        _reopen(original)
        refresh_balances([original.pk])
    _note(invoice, InvoiceAction.Verb.VOID, actor, reason, was)
    record_invoices("invoice.voided", [invoice])
    return invoice


def _reopen(original: Invoice) -> None:
    """A credited invoice whose credit note is void is due again, unless its month was billed anew meanwhile."""
    if original.status != Invoice.Status.CREDITED:
        return
    again = Invoice.objects.filter(organization=original.organization_id, month=original.month, corrects=None)
    if again.exclude(status__in=Invoice.DEAD).exists():
        raise Permanent(f"{original} was replaced since it was credited; void its replacement first.")
    original.status = Invoice.Status.FINALIZED
    original.save(update_fields=["status"])
    _check_that_creators_stayed(original)
    reinstate_statements(original.pk)


def _check_that_creators_stayed(original: Invoice) -> None:
    """Refuse where a creator left while nothing was billed of it: its months may be billed there by now."""
    creators = InvoiceLine.objects.filter(invoice=original, creator__isnull=False).values("creator")
    # Nobody moves one between this look and the statement that keeps it here: that wants the lock on the account, too.
    for creator in CreatorAccount.objects.filter(pk__in=creators).order_by("pk"):
        if creator.organization_id != original.organization_id:
            raise Permanent(
                f"{original} can't become due again: its creator {creator} moved to {creator.organization} since it "
                "was credited. Let the credit note stand, or move the creator back first."
            )


@transaction.atomic
def credit_invoice(
    invoice_id: int,
    *,
    actor: "User | None",
    reason: str,
    now: dt.datetime,
    amounts: Mapping[int, int] | None = None,
    run: JobRun | None = None,
    token: str | None = None,
    number: Callable[[Sequence[int], dt.datetime], object] = finalize_invoices,
) -> Invoice:
    """Issue a credit note on an issued invoice: over all that is left of it, or over `amounts` (cents by line id).

    Every line of the credit note points at the line it takes from; no line can be credited beyond its amount, and all
    together not beyond what is left of the total. Tax follows what is credited. A credit of all that is left frees the
    month. A month's own credit note is taken back by an invoice in the same way. Idempotent by `token`: the same one
    again gives the document that it made.
    """
    invoice = lock_invoice(invoice_id)
    if token is not None and (done := InvoiceAction.objects.filter(token=token, invoice=invoice).first()):
        return Invoice.objects.get(number=done.data["credit_note"])
    _refuse_for(get_obstacle_to_credit(invoice))
    reason = _require_reason(reason)
    was, left = invoice.status, get_left_to_credit(invoice)
    taken = _choose(invoice, left, amounts)
    if invoice.status == Invoice.Status.UNCOLLECTIBLE and sum(taken.values()) != sum(left.values()):
        raise Permanent(f"{invoice} is uncollectible, and Stripe takes no credit note for a part of it: credit it all.")
    note = _write_credit_note(invoice, taken, left, run)
    number([note.pk], now)
    keep_split(note.pk, invoice)
    if sum(taken.values()) == sum(left.values()):
        invoice.status = Invoice.Status.CREDITED
        invoice.save(update_fields=["status"])
        restore_statements([invoice.pk])
    refresh_balances([invoice.pk])
    note.refresh_from_db()
    data = {"credit_note": note.number, "total_cents": note.total_cents}
    note_action(invoice, InvoiceAction.Verb.CREDIT, actor=actor, reason=reason, was=was, data=data, token=token)
    record_invoices("invoice.credited", [note], corrects=invoice.number or "")
    return note


def _choose(invoice: Invoice, left: Mapping[int, int], amounts: Mapping[int, int] | None) -> dict[int, int]:
    """Return the cents to take from each line, tax included."""
    if amounts is None:
        return {id_: cents for id_, cents in left.items() if cents}
    taken = {id_: cents for id_, cents in amounts.items() if cents}
    if not taken:
        raise Permanent(f"There is nothing left to credit on {invoice}.")
    _refuse_for(find_fault_in_amounts(invoice, left, taken))
    return taken | choose_tax(invoice, left, taken)


def _write_credit_note(
    invoice: Invoice, taken: Mapping[int, int], left: Mapping[int, int], run: JobRun | None
) -> Invoice:
    lines = {line.pk: line for line in invoice.lines.filter(pk__in=taken)}
    tax = -sum(cents for id_, cents in taken.items() if lines[id_].kind == InvoiceLine.Kind.TAX)
    total = -sum(taken.values())
    note = Invoice.objects.create(
        organization_id=invoice.organization_id,
        month=invoice.month,
        kind=Invoice.Kind.CREDIT_NOTE if total < 0 else Invoice.Kind.INVOICE,
        currency=invoice.currency,
        subtotal_cents=total - tax,
        tax_cents=tax,
        total_cents=total,
        corrects=invoice,
        terms_id=invoice.terms_id,
        seller=settings.INVOICE_SELLER,
        buyer=invoice.buyer,
        run=run,
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=note,
            position=position,
            kind=lines[id_].kind,
            description=lines[id_].description,
            month=lines[id_].month,
            creator_id=lines[id_].creator_id,
            meter_id=lines[id_].meter_id,
            corrects_id=id_,
            quantity=lines[id_].quantity if cents == left[id_] == lines[id_].amount_cents else 1,
            amount_cents=-cents,
            explanation={
                "formula": "credit",
                "invoice": invoice.number,
                "line": lines[id_].position,
                "line_cents": lines[id_].amount_cents,
                "left_cents": left[id_],
                "credited_cents": cents,
            },
        )
        for position, (id_, cents) in enumerate(sorted(taken.items(), key=lambda x: lines[x[0]].position), start=1)
    )
    return note


@dataclass(frozen=True, slots=True)
class Superseded:
    """A document that was taken back to bill its month anew; without a `note` it was voided."""

    invoice: Invoice
    note: Invoice | None


def supersede_invoices(
    organization_ids: Sequence[str], month: Month, *, run: JobRun, now: dt.datetime
) -> list[Superseded]:
    """Void or credit what is issued of a month, so that it can be billed anew in the caller's transaction.

    What already reached the customer, or was credited in part, is credited; the rest is voided. What this run itself
    issued, or one that it reruns, is left alone: a repeated attempt, or a rerun of what failed afterwards, corrects
    nothing twice.
    """
    issued = Invoice.objects.filter(
        organization__in=organization_ids, month=month.first_day, corrects=None, status__in=Invoice.ISSUED
    ).exclude(run__in=list_lineage(run))
    superseded = []
    for invoice in issued.order_by("organization_id"):
        note = None
        if _is_to_be_credited(invoice):
            note = credit_invoice(invoice.pk, actor=run.actor, reason=run.reason, now=now, run=run)
        else:
            void_invoice(invoice.pk, actor=run.actor, reason=run.reason)
        superseded.append(Superseded(invoice, note))
    return superseded


def _is_to_be_credited(invoice: Invoice) -> bool:
    """Return whether crediting is the way to take an invoice back; one that comes to nothing can only be voided."""
    if not has_left_to_credit(invoice):
        return False
    reached = invoice.deliveries.filter(step__in=["email", "stripe"], status__in=_REACHED).exists()
    noted = invoice.corrections.exclude(status=Invoice.Status.VOID).exists()
    return reached or noted or bool(get_obstacle_to_void(invoice))


def set_aside_issued(organization_ids: Sequence[str], month: Month) -> dict[str, tuple[str, int]]:
    """Take what is issued of a month out of the way of a preview, in a transaction that the caller rolls back.

    Returns (number, total in cents) by organization.
    """
    lock_accounts_of(organization_ids)
    issued = Invoice.objects.filter(
        organization__in=organization_ids, month=month.first_day, corrects=None, status__in=Invoice.ISSUED
    )
    found = {invoice.organization_id: (invoice.number or "", invoice.total_cents) for invoice in issued}
    ids = list(issued.values_list("pk", flat=True))
    issued.update(status=Invoice.Status.VOID)
    restore_statements(ids)
    return found


def _note(invoice: Invoice, verb: str, actor: "User | None", reason: str, was: str, **data: object) -> None:
    note_action(invoice, verb, actor=actor, reason=reason, was=was, data=data)
