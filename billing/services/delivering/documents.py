"""The invoice as a file: laid out, stored, and handed out with its checksum compared."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import botocore.exceptions
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from billing.explaining import explain_short
from billing.models import Invoice, InvoiceDelivery, InvoiceLine
from billing.providers.pdf import Document, DocumentLine, Party, render_invoice
from billing.services.delivering.claims import Parcel, attempt
from common.errors import Misconfigured, Permanent, Retryable
from common.money import format_money

Step = InvoiceDelivery.Step
_BROKEN_SET_UP = {"NoSuchBucket", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled"}
_opening = threading.Lock()


def deliver_pdf(parcel: Parcel) -> None:
    """Lay the PDF out, put it into the parcel and keep its SHA-256. Idempotent by (invoice, pdf)."""
    with attempt(parcel, Step.PDF) as claimed:
        if claimed is not None:
            content = _lay_out(parcel)
            claimed.note(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def deliver_file(parcel: Parcel) -> None:
    """Store the PDF under its number, and keep the SHA-256 of what was stored. Idempotent by (invoice, store)."""
    with attempt(parcel, Step.STORE) as claimed:
        if claimed is not None:
            invoice, content = parcel.invoice, _lay_out(parcel)
            name = f"invoices/{invoice.month:%Y}/{invoice.month:%m}/{invoice.number}.pdf"
            _save(name, content)
            bucket = settings.INVOICE_S3_BUCKET if settings.INVOICE_ENABLE_S3 else ""
            claimed.note(reference=name, bucket=bucket, sha256=hashlib.sha256(content).hexdigest())


def _lay_out(parcel: Parcel) -> bytes:
    if parcel.content is None:
        parcel.content = render_invoice(make_document(parcel.invoice, parcel.lines))
    return parcel.content


def open_pdf(invoice: Invoice) -> bytes:
    """Return the stored PDF, its checksum compared; a lost file is laid out again and must come out the same.

    Raises Permanent where there is none yet, or where the bytes are not those that were stored, and what `_reaching`
    raises where the storage does not answer as it should.
    """
    stored = invoice.deliveries.filter(step=Step.STORE, status=InvoiceDelivery.Status.DONE).first()
    if stored is None:
        raise Permanent(f"There is no stored PDF of {invoice} yet.")
    with _reaching():
        kept = _read(stored.reference)
    content = _lay_out_again(invoice) if kept is None else kept
    if stored.detail.get("sha256") == hashlib.sha256(content).hexdigest():
        return content
    if kept is None:
        raise Permanent(
            f"The PDF of {invoice} is gone from the storage, and today's layout is another: restore "
            f"{stored.reference} from a backup."
        )
    raise Permanent(f"The PDF of {invoice} is not the one that was stored: its checksum differs.")


def _lay_out_again(invoice: Invoice) -> bytes:
    lines = invoice.lines.select_related("meter").order_by("position")
    return render_invoice(make_document(invoice, list(lines)))


def _storage() -> Storage:
    # The first thread to come opens what all then share; together they would open it as often as they are many.
    with _opening:
        storage = storages["invoices"]
        getattr(storage, "bucket", None)
        return storage


def _read(name: str) -> bytes | None:
    try:
        with _storage().open(name) as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        return None


def _save(name: str, content: bytes) -> None:
    with _reaching():
        saved = _storage().save(name, ContentFile(content))
    if saved != name:
        raise Permanent(f"The storage named the file {saved} instead of {name}.")


@contextmanager
def _reaching() -> Iterator[None]:
    """Give what goes wrong with the storage its kind: Misconfigured where it refuses us, Retryable otherwise."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        if code in _BROKEN_SET_UP:
            raise Misconfigured(f"The storage refuses us ({code}): check INVOICE_S3_BUCKET and the AWS keys.") from None
        raise Retryable(f"The storage failed ({code}).") from None
    except (botocore.exceptions.BotoCoreError, OSError) as error:
        raise Retryable(f"The storage can't be reached ({type(error).__name__}).") from None


def make_document(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Document:
    """Gather what the PDF says, written for people."""
    tax = next((line for line in lines if line.kind == InvoiceLine.Kind.TAX), None)
    is_note = invoice.kind == Invoice.Kind.CREDIT_NOTE
    terms = _credit_terms(invoice) if is_note else _payment_terms(invoice)
    applied = 0 if is_note else invoice.balance_applied_cents
    return Document(
        kind="credit_note" if is_note else "invoice",
        number=invoice.number or "",
        period_label=invoice.period.label,
        issue_date=invoice.issue_date or invoice.month,
        due_date=None if is_note else invoice.due_date,
        currency=invoice.currency,
        seller=_party(invoice.seller),
        buyer=_party(invoice.buyer),
        lines=tuple(_document_line(line, invoice.currency) for line in lines if line.kind != InvoiceLine.Kind.TAX),
        subtotal=format_money(invoice.subtotal_cents, invoice.currency),
        tax_label=tax.description if tax else "Tax",
        tax=format_money(invoice.tax_cents, invoice.currency),
        total=format_money(invoice.total_cents, invoice.currency),
        credit_label=("Less credit" if applied > 0 else "Plus earlier balance") if applied else "",
        credit=format_money(-applied, invoice.currency) if applied else "",
        due=format_money(invoice.total_cents - applied, invoice.currency) if applied else "",
        payment_terms=terms,
        corrects_number=(invoice.corrects.number or "") if invoice.corrects else "",
        replaces_number=(invoice.replaces.number or "") if invoice.replaces else "",
    )


def _payment_terms(invoice: Invoice) -> str:
    """Ask for what was due when it was issued: what the customer's balance covers is not paid again."""
    if invoice.total_cents <= invoice.balance_applied_cents:
        return "No payment is due."
    due = f"{invoice.due_date:%-d %B %Y}" if invoice.due_date else "receipt"
    return f"Please pay by {due}, quoting invoice {invoice.number}."


def _credit_terms(note: Invoice) -> str:
    """Say how a credit note takes its amount back, as it was settled when it was issued."""
    returned, before = note.refunded_cents, note.credited_before_cents
    credit = note.credited_after_cents - returned
    if not note.corrects_id or not (before or returned or credit):
        return "This amount is credited to your account."
    said = [
        f"{format_money(cents, note.currency)} {how}"
        for cents, how in (
            (before, f"reduces what is due on invoice {note.corrects}"),
            (returned, "was returned to you before"),
            (credit, "is credited to your account"),
        )
        if cents
    ]
    return f"{'; '.join(said)}."


def _party(values: dict[str, str]) -> Party:
    address = tuple(line.strip() for line in values.get("address", "").splitlines() if line.strip())
    return Party(values.get("name", ""), address, values.get("email", ""), values.get("tax_id", ""))


def _document_line(line: InvoiceLine, currency: str) -> DocumentLine:
    return DocumentLine(
        description=line.description,
        amount=format_money(line.amount_cents, currency),
        detail=tuple(explain_short(line.explanation, currency)),
        quantity=_quantity(line),
    )


def _quantity(line: InvoiceLine) -> str:
    if line.kind != InvoiceLine.Kind.USAGE or line.meter is None:
        return ""
    return f"{line.quantity.normalize():,f}"
