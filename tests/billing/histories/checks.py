"""What must hold of each customer's documents once nothing is under way, in Stripe and outside."""

from collections.abc import Iterator

from billing.models import BillingAccount, Invoice, InvoiceDelivery, StripeEvent, StripeRecord
from billing.selectors.customer_credit import get_credit
from billing.selectors.payments import describe_difference, list_differing
from tests.billing.histories.books import StripeBooks, There, get_applied, get_asked, get_paid
from tests.billing.histories.customers import Customer
from tests.billing.histories.history import History
from tests.billing.histories.oracle import Balance, Document


def find_faults(history: History, books: StripeBooks) -> Iterator[str]:
    """Go through what does not hold at rest."""
    told = set(list_differing().values_list("pk", flat=True))
    yield from _find_broken_numbers()
    yield from _find_failures(history, books, told)
    for customer in history.customers:
        documents = list(Invoice.objects.filter(organization=customer.id, number__isnull=False).order_by("pk"))
        yield from _find_wrong_documents(customer, documents)
        if customer.in_stripe:
            yield from _find_disagreements(customer, documents, books, history, told)
        else:
            yield from _find_wrong_demands(customer, documents)


def _find_broken_numbers() -> Iterator[str]:
    for kind in Invoice.Kind.values:
        issued = Invoice.objects.filter(kind=kind, number__isnull=False).order_by("number")
        numbers = [int(str(number).rpartition("-")[2]) for number in issued.values_list("number", flat=True)]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"The numbers of {kind} have a gap: {numbers}"
        dates = [str(date) for date in issued.values_list("issue_date", flat=True)]
        if dates != sorted(dates):
            yield f"The dates of {kind} don't follow the numbers: {dates}"


def _find_failures(history: History, books: StripeBooks, told: set[int]) -> Iterator[str]:
    for event in StripeEvent.objects.filter(status="dead"):
        yield f"Event {event.type} failed: {event.error}"
    undone = InvoiceDelivery.objects.exclude(status__in=["done", "skipped"])
    # Nobody asks any more whether the e-mail of a void invoice went out.
    for delivery in undone.exclude(status="unknown", invoice__status="void").select_related("invoice"):
        # Somebody did in Stripe what people decided otherwise about here: they are told, and settle it.
        if not history.is_settled and history.is_advice(delivery.error):
            continue
        yield f"{delivery.step} of {_name(delivery.invoice)} is {delivery.status}: {delivery.error}"
    for record in StripeRecord.objects.filter(invoice__in=told).select_related("invoice"):
        there = books.invoices.get(record.stripe_invoice)
        if there is None or not _is_for_people(record.invoice, there, books, history):
            yield f"{_name(record.invoice)} differs: {describe_difference(record.invoice, record)}"


def _name(invoice: Invoice) -> str:
    return f"{invoice} of {invoice.organization_id} ({invoice.status})"


def _find_wrong_documents(customer: Customer, documents: list[Invoice]) -> Iterator[str]:
    agreement = customer.agreement
    for invoice in documents:
        lines = list(invoice.lines.all())
        total = sum(line.amount_cents for line in lines)
        if total != invoice.total_cents:
            yield f"{invoice} is {invoice.total_cents}, its lines come to {total}"
        if invoice.corrects_id:
            continue
        subtotal = sum(line.amount_cents for line in lines if line.kind != "tax")
        if total - subtotal != agreement.tax(subtotal):
            yield f"{invoice} has tax {total - subtotal} on {subtotal}, due is {agreement.tax(subtotal)}"
        base = sum(line.amount_cents for line in lines if line.kind == "base_fee")
        if base != agreement.base_fee:
            yield f"{invoice} has a base fee of {base}"
        notes = sum(note.total_cents for note in documents if note.corrects_id == invoice.pk and note.status != "void")
        if not 0 <= -notes * (1 if total >= 0 else -1) <= abs(total):
            yield f"{invoice} over {total} has credit notes over {notes}"


# Outside Stripe


def _find_wrong_demands(customer: Customer, documents: list[Invoice]) -> Iterator[str]:
    """Compare what is asked for, and the credit, with the oracle's ledger of what people did."""
    ledger = customer.ledger
    if (numbers := {str(invoice) for invoice in documents}) != {*ledger.documents}:
        yield f"{customer.id} has {numbers}, the oracle knows {[*ledger.documents]}"
        return
    for invoice in documents:
        known = ledger.documents[str(invoice)]
        ours = invoice.remaining_cents, invoice.status, invoice.paid_cents, invoice.refunded_cents
        is_note = bool(known.corrects) and known.total < 0
        theirs = known.asked, _get_status(known), known.paid, invoice.refunded_cents if is_note else known.refunded
        if ours != theirs and not (is_note and invoice.status != "void"):
            yield f"{_name(invoice)} asks for {ours}, owed is {theirs}: {known}"
    if (credit := get_credit(customer.id, customer.agreement.currency)) != ledger.credit:
        yield f"{customer.id} has a credit of {credit}, due is {ledger.credit}: {ledger}"


def _get_status(document: Document) -> str:
    if document.is_void:
        return "void"
    if document.is_credited:
        return "credited"
    return "finalized" if document.asked else "paid"


# In Stripe


def _find_disagreements(
    customer: Customer, documents: list[Invoice], books: StripeBooks, history: History, told: set[int]
) -> Iterator[str]:
    account = BillingAccount.objects.get(organization=customer.id)
    there = books.customers.get(account.stripe_customer_id)
    if there is None:
        return
    if there["balance"] != -account.stripe_balance_cents * customer.wire:
        yield f"{customer.id} has a balance of {there['balance']} in Stripe, {account.stripe_balance_cents} here"
    balance = Balance(granted=customer.granted * customer.wire, credit=-there["balance"])
    known = {one["number"]: one for one in books.invoices.values() if one["customer"] == there["id"]}
    if strays := {*known} - {str(invoice) for invoice in documents}:
        yield f"{customer.id} has invoices in Stripe that we don't know: {strays}"
    is_settled = True
    for invoice in documents:
        notes = sum(note.total_cents for note in documents if note.corrects_id == invoice.pk and note.status != "void")
        if invoice.corrects_id and invoice.total_cents < 0:
            continue
        if (found := known.get(str(invoice))) is None:
            if invoice.status not in {"void", "credited"}:
                yield f"{_name(invoice)} is not in Stripe"
            continue
        if found["id"] in history.by_hand:
            # People are told, and settle it: then all of it is compared.
            is_settled = False
            continue
        is_told = invoice.pk in told and _is_for_people(invoice, found, books, history)
        yield from _compare(customer, invoice, found, books, is_told=is_told)
        _add(balance, customer, invoice, notes, found, books)
        is_settled &= invoice.pk not in told
    if is_settled and (said := balance.find_fault()):
        yield f"{customer.id}: {said}"


def _compare(customer: Customer, invoice: Invoice, there: There, books: StripeBooks, *, is_told: bool) -> Iterator[str]:
    name, wire, id_ = f"{_name(invoice)}, {there['status']} in Stripe", customer.wire, there["id"]
    if there["total"] != invoice.total_cents * wire:
        yield f"{name}: total {invoice.total_cents}, {there['total']} in Stripe"
    if there["status"] == "uncollectible" and invoice.status not in {"uncollectible", "credited", "void"}:
        yield f"{name}: it is written off there"
    ours = invoice.remaining_cents * wire
    if ours != get_asked(there):
        yield f"{name}: we ask for {ours}, Stripe for {get_asked(there)}"
        return
    if invoice.total_cents <= 0 or there["status"] == "draft":
        return
    if invoice.status == "void" and there["status"] != "void" and not books.live_notes(id_) and not is_told:
        yield f"{name}: not void in Stripe, and nobody is told"
    if "void" not in {invoice.status, there["status"]}:
        yield from _compare_amounts(name, invoice, there, books.refunded(id_), wire)
    notes = sum(note["total"] for note in books.live_notes(id_))
    if notes > there["total"]:
        yield f"{name}: credit notes over {notes} of {there['total']} in Stripe"
    if _is_given_back_twice(there, books) and not is_told:
        yield f"{name}: more went back than came in, and nobody is told"


def _is_for_people(invoice: Invoice, there: There, books: StripeBooks, history: History) -> bool:
    """Return whether a person must settle something, so that Stripe and we may differ as long as people are told."""
    is_kept = invoice.status == "void" and there["status"] == "paid" and get_paid(there) > books.returned(there["id"])
    waits = not history.is_settled and (there["id"] in history.by_hand or is_kept)
    return waits or _is_given_back_twice(there, books)


def _is_given_back_twice(there: There, books: StripeBooks) -> bool:
    """Return whether more went back than came in, as by a refund or a lost dispute on top of a credit note."""
    came = get_paid(there) + max(get_applied(there), 0)
    back = books.returned(there["id"]) + int(there["post_payment_credit_notes_amount"]) - books.covered(there["id"])
    return back > came


def _compare_amounts(name: str, invoice: Invoice, there: There, refunded: int, wire: int) -> Iterator[str]:
    pairs = {
        "paid": (invoice.paid_cents, get_paid(there)),
        "refunded": (invoice.refunded_cents, refunded),
        "applied": (invoice.balance_applied_cents, get_applied(there)),
        "credited before": (invoice.credited_before_cents, there["pre_payment_credit_notes_amount"]),
        "credited after": (invoice.credited_after_cents, there["post_payment_credit_notes_amount"]),
    }
    for what, (here, in_stripe) in pairs.items():
        if here * wire != in_stripe:
            yield f"{name}: {what} {here * wire}, {in_stripe} in Stripe"


def _add(balance: Balance, customer: Customer, invoice: Invoice, notes: int, there: There, books: StripeBooks) -> None:
    """Add an invoice to its customer's balance."""
    if there["status"] == "draft":
        return
    returned = books.returned(there["id"])
    balance.worth += 0 if invoice.status == "void" else (invoice.total_cents + min(notes, 0)) * customer.wire
    balance.paid += get_paid(there) - books.never_came(there["id"])
    balance.returned += returned
    # All that came in for what is void goes back, by a refund as by a credit note.
    balance.uncovered += max(returned - books.covered(there["id"]), 0) if invoice.status != "void" else 0
    balance.owed += get_asked(there)
    balance.about.append(f"{invoice} {invoice.status} {invoice.total_cents} {notes}")
