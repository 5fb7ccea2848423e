"""Doors of an invoice's delivery: its PDF, steps tried again, e-mails sent again or settled by hand."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin

from accounts.admin.pages import AnyAdmin, find, render, require
from accounts.forms import ReasonForm
from accounts.services.auditing import record_action
from billing.admin.corrections import CORRECT, address_of, tell_of_run
from billing.admin.pages import Question, ask
from billing.models import Invoice, InvoiceDelivery
from billing.selectors.books import get_stopped
from billing.services.books import resume_deliveries
from billing.services.delivering import open_pdf
from billing.services.resending import resend_invoice, retry_delivery, settle_email
from common.errors import WorkError

DELIVER = "billing.deliver_invoice"
SENT, AGAIN = "sent", "again"


@xframe_options_sameorigin
def pdf(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Hand the PDF out, its checksum compared; say in words why there is none."""
    actor = require(request, "billing.view_invoice")
    invoice = find(Invoice, invoice_id)
    try:
        content = open_pdf(invoice)
    except WorkError as error:
        response: HttpResponse = render(admin, request, "billing/admin/no_pdf.html", "No PDF", {"error": error.message})
        response.status_code = 404
        return response
    disposition = "attachment" if "download" in request.GET else "inline"
    if disposition == "attachment":
        # To look at it is not worth an entry; to take it along is.
        record_action("download", invoice, actor=actor)
    headers = {
        "Content-Disposition": f'{disposition}; filename="{invoice.number}.pdf"',
        "Cache-Control": "private, no-cache",
    }
    return HttpResponse(content, content_type="application/pdf", headers=headers)


def retry(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Try again whatever is not done yet."""
    actor = require(request, "billing.view_invoice", DELIVER)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    invoice = find(Invoice, invoice_id)
    try:
        tell_of_run(request, retry_delivery(invoice.pk, actor=actor), "Started:")
    except WorkError as error:
        messages.error(request, error.message)
    return redirect(address_of(invoice))


def resend_page(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Send the e-mail once more."""
    actor = require(request, "billing.view_invoice", DELIVER)
    invoice = find(Invoice, invoice_id)

    def act(form: ReasonForm) -> HttpResponse:
        run = resend_invoice(invoice.pk, actor=actor, reason=form.cleaned_data["reason"])
        tell_of_run(request, run, "The e-mail is sent again by")
        return redirect(address_of(invoice))

    recipient = invoice.organization.billing_account.recipient or "nobody: there is no address"
    says = (f"Send {invoice} once more to {recipient}? It is a new e-mail, with the same PDF.",)
    return ask(admin, request, Question("Send e-mail again", "Send again", address_of(invoice), says), ReasonForm, act)


def resume_page(admin: AnyAdmin, request: HttpRequest) -> HttpResponse:
    """Switch deliveries on again after the books were compared."""
    actor = require(request, "billing.view_invoice", CORRECT)
    back, stopped = reverse("admin:billing_invoice_changelist"), get_stopped()

    def act(form: ReasonForm) -> HttpResponse:
        resume_deliveries(actor=actor, reason=form.cleaned_data["reason"])
        messages.success(request, "Deliveries are switched on. Run billing for what is missing.")
        return redirect(back)

    says = (
        stopped.stopped_reason if stopped else "Deliveries are switched on already.",
        "From then on, numbers are given and invoices go to Stripe and by e-mail again. What Stripe has by now counts "
        "as looked at: run manage.py reconcile_stripe first, and see to what it lists.",
    )
    question = Question("Switch deliveries on", "Switch on", back, says, is_grave=True)
    return ask(admin, request, question, ReasonForm, act)


def settle_page(admin: AnyAdmin, request: HttpRequest, invoice_id: int, delivery_id: int, outcome: str) -> HttpResponse:
    """Decide about an e-mail of which nobody knows whether it went out."""
    actor = require(request, "billing.view_invoice", DELIVER)
    delivery = find(InvoiceDelivery, delivery_id)
    if delivery.invoice_id != invoice_id or delivery.step != InvoiceDelivery.Step.EMAIL or outcome not in {SENT, AGAIN}:
        raise Http404("There is no such e-mail.")
    invoice = delivery.invoice

    def act(form: ReasonForm) -> HttpResponse:
        run = settle_email(delivery.pk, was_sent=outcome == SENT, actor=actor, reason=form.cleaned_data["reason"])
        if run is None:
            messages.success(request, "Marked as sent.")
        else:
            tell_of_run(request, run, "The e-mail is sent again by")
        return redirect(address_of(invoice))

    recipient = delivery.detail.get("recipient", "the customer")
    says = [f"It is not known whether the e-mail of {invoice} to {recipient} went out."]
    if outcome == SENT:
        question = Question("Mark e-mail as sent", "Mark as sent", address_of(invoice), [*says, "Mark it as sent?"])
    else:
        says.append("Send it again, under the same Message-ID, by which a mail program knows it for the same?")
        question = Question("Send e-mail again", "Send again", address_of(invoice), says)
    return ask(admin, request, question, ReasonForm, act)
