"""What is owed of each document, kept with it: the one picture by which we ask for money and give it back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from accounts.services.auditing import describe_action, record_actions
from billing.models import Invoice, Payment, StripeRecord
from billing.services.recording import record_invoices
from billing.standing import Standing, split_again, split_credit

Status = Invoice.Status
_KEPT = (
    "paid_cents",
    "refunded_cents",
    "disputed_cents",
    "credited_before_cents",
    "credited_after_cents",
    "balance_applied_cents",
    "remaining_cents",
    "status",
)
_FOLLOWS: dict[str, str] = {
    StripeRecord.State.OPEN: Status.FINALIZED,
    StripeRecord.State.UNCOLLECTIBLE: Status.UNCOLLECTIBLE,
    # What somebody voids in Stripe stays due here until a person decides: voiding frees a month and its true-ups.
    StripeRecord.State.VOID: Status.FINALIZED,
    StripeRecord.State.PAID: Status.PAID,
}


_OWED = (Status.FINALIZED, Status.UNCOLLECTIBLE)
# Of an invoice that is credited in full, Stripe still asks for what the customer owed before, if anything.
_ASKED_THERE = (StripeRecord.State.OPEN, StripeRecord.State.UNCOLLECTIBLE)


@dataclass(slots=True)
class _Rows:
    """What the tables say about some invoices, by invoice."""

    records: dict[int, StripeRecord]
    payments: dict[int, dict[str, int]]
    notes: dict[int, tuple[int, int]]


def lock_invoices(invoice_ids: Iterable[int]) -> list[Invoice]:
    """Lock invoices in one order, so that whoever changes what is owed takes turns."""
    locked = Invoice.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=list(invoice_ids))
    return list(locked.order_by("pk"))


def refresh_balances(invoice_ids: Iterable[int]) -> None:
    """Work out what is owed of issued invoices from payments, credit notes and what Stripe says, and their status.

    Runs in the caller's transaction, and locks the invoices. Idempotent. Credit notes on an invoice are left as they
    are: they say how they took their amount back.
    """
    invoices = [invoice for invoice in lock_invoices(invoice_ids) if invoice.is_issued and not _is_note(invoice)]
    if not invoices:
        return
    rows = _read(invoices)
    changed, moved = [], []
    for invoice in invoices:
        before = [getattr(invoice, name) for name in _KEPT]
        was = invoice.status
        _fill(invoice, get_standing(invoice, rows), rows.records.get(invoice.pk))
        if [getattr(invoice, name) for name in _KEPT] != before:
            changed.append(invoice)
        if invoice.status != was:
            moved.append((invoice, was))
    Invoice.objects.bulk_update(changed, _KEPT)
    _tell(moved, rows.records)


def _is_note(invoice: Invoice) -> bool:
    return invoice.corrects_id is not None and invoice.total_cents < 0


def _read(invoices: Sequence[Invoice]) -> _Rows:
    ids = [invoice.pk for invoice in invoices]
    payments: defaultdict[int, dict[str, int]] = defaultdict(dict)
    live = Payment.objects.filter(invoice__in=ids, reversed_at=None).order_by()
    for invoice_id, source, kind, cents in live.values_list("invoice", "source", "kind").annotate(Sum("amount_cents")):
        payments[invoice_id][f"{source} {kind}"] = int(cents)
    notes = Invoice.objects.filter(corrects__in=ids, kind=Invoice.Kind.CREDIT_NOTE, number__isnull=False).order_by()
    sums = (
        notes.exclude(status=Status.VOID)
        .values_list("corrects")
        .annotate(Sum("credited_before_cents"), Sum("credited_after_cents"))
    )
    return _Rows(
        StripeRecord.objects.in_bulk(ids),
        payments,
        {invoice_id: (int(before), int(after)) for invoice_id, before, after in sums},
    )


def get_standing(invoice: Invoice, rows: _Rows) -> Standing:
    """Put together what the rows say about one invoice."""
    record = rows.records.get(invoice.pk) or StripeRecord(invoice=invoice)
    payments, (before, after) = rows.payments.get(invoice.pk, {}), rows.notes.get(invoice.pk, (0, 0))
    applied = record.balance_applied_cents
    applied = invoice.balance_applied_cents if applied is None else applied
    # Stripe tells of a payment twice: by itself, and in the invoice's sum.
    paid = max(record.amount_paid_cents, payments.get("stripe payment", 0)) + payments.get("staff payment", 0)
    if invoice.pk not in rows.records:
        before, after = split_again(before, after, invoice.total_cents - applied - paid)
    return Standing(
        total=invoice.total_cents,
        balance_applied=applied,
        paid=paid,
        refunded=record.refunded_cents + payments.get("staff refund", 0),
        disputed=record.disputed_cents,
        lost=record.lost_cents,
        credited_before=record.foreign_before_cents + before,
        credited_after=record.foreign_after_cents + after,
    )


def _fill(invoice: Invoice, standing: Standing, record: StripeRecord | None) -> None:
    invoice.paid_cents, invoice.refunded_cents = standing.paid, standing.refunded
    invoice.disputed_cents, invoice.balance_applied_cents = standing.disputed, standing.balance_applied
    invoice.credited_before_cents, invoice.credited_after_cents = standing.credited_before, standing.credited_after
    invoice.status = get_settled_status(invoice, standing, record)
    is_asked_there = invoice.status == Status.CREDITED and record is not None and record.state in _ASKED_THERE
    invoice.remaining_cents = standing.remaining if invoice.status in _OWED or is_asked_there else 0


def get_settled_status(invoice: Invoice, standing: Standing, record: StripeRecord | None) -> str:
    """Return the status of an invoice that is issued and not taken back; of any other it is what people made it."""
    if invoice.status not in Invoice.ISSUED:
        return invoice.status
    if record is None:
        return Status.FINALIZED if standing.remaining else Status.PAID
    # Credited in full by us it would be `credited`; by somebody else in Stripe, that is for a person to look at.
    return Status.FINALIZED if record.is_credited else _FOLLOWS[record.state]


def _tell(moved: Sequence[tuple[Invoice, str]], records: Mapping[int, StripeRecord]) -> None:
    entries = []
    for invoice, was in moved:
        before, after = ({"status": Status(each).label} for each in (was, invoice.status))
        who = "Stripe" if invoice.pk in records else ""
        entries.append(describe_action("settle", invoice, who=who, before=before, after=after))
    record_actions(entries)
    paid = [invoice for invoice, _ in moved if invoice.status == Status.PAID]
    if paid:
        moments = {invoice.pk: at for invoice in paid if (record := records.get(invoice.pk)) and (at := record.paid_at)}
        record_invoices("invoice.paid", paid, moments)


def keep_split(note_id: int, original: Invoice) -> None:
    """Keep how a credit note that is just issued takes its amount back, by what is owed of its invoice now.

    Where Stripe collects the invoice, its answer replaces this.
    """
    note = Invoice.objects.get(pk=note_id)
    if note.total_cents >= 0:
        return
    (locked,) = lock_invoices([original.pk])
    rows = _read([locked])
    standing, record = get_standing(locked, rows), rows.records.get(locked.pk) or StripeRecord(invoice=locked)
    others = original.corrections.exclude(pk=note_id).exclude(status=Status.VOID)
    taken = others.aggregate(taken=Sum("refunded_cents"))["taken"] or 0
    remaining = standing.remaining if locked.status in _OWED else 0
    # What staff paid back was the customer's credit already, and stands for no credit note to come.
    split = split_credit(-note.total_cents, remaining, record.refunded_cents + record.lost_cents - int(taken))
    Invoice.objects.filter(pk=note_id).update(
        credited_before_cents=split.before, credited_after_cents=split.after, refunded_cents=split.returned
    )
