"""The invoice by e-mail: text and HTML, the PDF attached, a Message-ID that belongs to the document."""

import uuid
from email.utils import format_datetime, parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from billing.models import Invoice, InvoiceDelivery
from billing.services.books import identify
from billing.services.delivering.claims import Attempt, Parcel, attempt
from billing.services.delivering.documents import open_pdf
from common.clock import now
from common.errors import Permanent
from common.hosts import ascii_mailbox
from common.money import format_money
from common.smtp import get_mailer

Step = InvoiceDelivery.Step
Status = InvoiceDelivery.Status


def deliver_email(parcel: Parcel, sequence: int = 1) -> None:
    """Send an invoice to its recipient. Idempotent by (invoice, email, sequence).

    Where it is not known whether a former attempt went out, `INVOICE_EMAIL_UNKNOWN` decides: `resend` sends it again
    under the same Message-ID, by which a mail program knows it for the same; `hold` waits for a person.
    """
    invoice = parcel.invoice
    recipient = invoice.organization.billing_account.recipient
    # A person's leave to send it again is for this one attempt.
    known = {"recipient": recipient, "may_resend": False}
    message_id = make_message_id(invoice, sequence)
    with attempt(parcel, Step.EMAIL, sequence, known=known, reference=message_id) as claimed:
        if claimed is None:
            return
        if claimed.before in {Status.RUNNING, Status.UNKNOWN} and not claimed.delivery.detail.get("may_resend"):
            _settle_unknown(claimed)
        if not recipient:
            raise Permanent(f"{invoice.organization} has no e-mail address: set one, or switch e-mail off for it.")
        message_id = claimed.delivery.reference or message_id
        if claimed.may_have_happened or not claimed.delivery.reference:
            claimed.remember(reference=message_id, **known)
        message = _compose(parcel, recipient, message_id)
        get_mailer().send(parseaddr(settings.DEFAULT_FROM_EMAIL)[1], recipient, message.message())


def _settle_unknown(claimed: Attempt) -> None:
    if settings.INVOICE_EMAIL_UNKNOWN == "hold":
        claimed.stays_unknown = True
        raise Permanent(
            "It is not known whether this e-mail went out. Ask the recipient, then mark it as sent or send it again."
        )


def make_message_id(invoice: Invoice, sequence: int) -> str:
    """Derive the Message-ID from what the document is, so that every attempt carries the same, and no other document's.

    A restored backup gives a row's id again, and a mail program would take another customer's invoice for the same.
    """
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "huntaze.invalid"
    return f"<invoice-{uuid.uuid5(uuid.NAMESPACE_URL, str(identify(invoice)))}-{sequence}@{domain}>"


def _compose(parcel: Parcel, recipient: str, message_id: str) -> EmailMultiAlternatives:
    invoice = parcel.invoice
    context = {"invoice": _context(parcel)}
    subject, text, html = (
        render_to_string(f"billing/email/invoice{suffix}", context) for suffix in ("_subject.txt", ".txt", ".html")
    )
    message = EmailMultiAlternatives(
        " ".join(subject.split()),
        text,
        settings.DEFAULT_FROM_EMAIL,
        [ascii_mailbox(recipient)],
        headers={"Message-ID": message_id, "Date": format_datetime(now())},
    )
    message.attach_alternative(html, "text/html")
    message.attach(f"{invoice.number}.pdf", parcel.content or open_pdf(invoice), "application/pdf")
    return message


def _context(parcel: Parcel) -> dict[str, object]:
    invoice = parcel.invoice
    # What is owed may have changed since the document was read.
    remaining = Invoice.objects.values_list("remaining_cents", flat=True).get(pk=invoice.pk)
    is_due, settled = remaining > 0, invoice.total_cents - remaining
    return {
        "kind": invoice.kind,
        "number": invoice.number,
        "month_label": invoice.period.label,
        "total_display": format_money(abs(invoice.total_cents), invoice.currency),
        "due_display": format_money(remaining, invoice.currency) if is_due else "",
        "settled_display": format_money(settled, invoice.currency) if is_due and settled else "",
        "due_date": invoice.due_date if is_due else None,
        "pay_url": _find_pay_url(parcel) if is_due else "",
        "corrects_number": invoice.corrects.number if invoice.corrects else "",
        "replaces_number": invoice.replaces.number if invoice.replaces else "",
        "organization_name": invoice.buyer.get("name") or str(invoice.organization),
        "seller_name": invoice.seller.get("name", ""),
        "support_email": invoice.seller.get("email", ""),
    }


def _find_pay_url(parcel: Parcel) -> str:
    if parcel.pay_url is None:
        stripe = parcel.invoice.deliveries.filter(step=Step.STRIPE, status=Status.DONE).first()
        parcel.pay_url = str(stripe.detail.get("url", "")) if stripe else ""
    return parcel.pay_url
