"""What billing a month anew does to what is issued of it, in words: in the preview, and on the run's item."""

from django.conf import settings

from billing.models import BillingAccount, Invoice
from billing.services.correcting import Superseded
from billing.services.drafts import Draft
from common.money import format_money


def describe_superseded(superseded: list[Superseded]) -> str:
    """Say what becomes of each document that is superseded."""
    return " ".join(_describe(one) for one in superseded)


def _describe(superseded: Superseded) -> str:
    invoice, note = superseded.invoice, superseded.note
    over = f"{invoice} over {format_money(invoice.total_cents, invoice.currency)}"
    if note is None:
        return f"{over} is voided."
    kind = note.get_kind_display().lower()
    article = "an" if kind.startswith("i") else "a"
    return f"{over} is credited, by {article} {kind} over {format_money(note.total_cents, note.currency)}."


def describe_new(draft: Draft) -> str:
    """Say what follows in the place of what is superseded."""
    total = format_money(draft.total_cents, draft.account.currency)
    if draft.status == Invoice.Status.NOTHING_DUE:
        return "Nothing is due, so no new invoice follows."
    kind = Invoice.Kind(draft.kind).label.lower()
    if draft.status == Invoice.Status.HELD:
        return f"The new {kind} over {total} is held for approval: {draft.held_reason}"
    return f"A new {kind} over {total} is issued."


def describe_mails(superseded: list[Superseded], draft: Draft, *, is_on: bool) -> str:
    """Say which documents are mailed to whom; `is_on` is whether the run delivers by e-mail at all."""
    account = BillingAccount.objects.select_related("organization").get(organization=draft.account.organization_id)
    documents = [f"the {one.note.get_kind_display().lower()} on {one.invoice}" for one in superseded if one.note]
    if draft.status == Invoice.Status.DRAFT:
        documents.append(f"the new {Invoice.Kind(draft.kind).label.lower()}")
    if not (is_on and settings.INVOICE_ENABLE_EMAIL and account.deliver_email):
        return "Nothing is mailed: e-mail is switched off."
    if not documents:
        return "Nothing is mailed."
    return f"Mailed to {account.recipient or 'nobody, for there is no address'}: {' and '.join(documents)}."
