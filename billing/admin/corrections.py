"""Doors of what a person decides about an invoice: approve, reject, void, credit."""

from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin.pages import AnyAdmin, find, require
from accounts.forms import ReasonForm
from billing.admin.pages import Question, ask
from billing.forms import ApproveForm, CreditForm, OnceForm
from billing.models import Invoice
from billing.selectors.invoices import get_correction_by, get_left_to_credit
from billing.selectors.obstacles import (
    get_obstacle_to_credit,
    get_obstacle_to_issue,
    get_obstacle_to_release,
    get_obstacle_to_void,
)
from billing.services.correcting import reject_invoice
from billing.services.deciding import approve_and_bill, credit_and_deliver, void_and_deliver
from common.clock import now
from common.money import format_money
from jobs.models import JobRun

APPROVE, CORRECT = "billing.approve_invoice", "billing.correct_invoice"


def address_of(invoice: Invoice) -> str:
    """Return the address of an invoice's page."""
    return reverse("admin:billing_invoice_change", args=[invoice.pk])


def tell_of_run(request: HttpRequest, run: JobRun, said: str) -> None:
    """Say what was started, with a link to it."""
    address = reverse("admin:jobs_jobrun_change", args=[run.pk])
    messages.success(request, format_html('{} <a class="hz-link" href="{}">{}</a>', said, address, run))


def _name(invoice: Invoice) -> str:
    return f"{invoice} of {invoice.organization}, {format_money(invoice.total_cents, invoice.currency)}"


def turn_back(request: HttpRequest, invoice: Invoice, obstacle: str) -> HttpResponse | None:
    """Say at once what stands against a decision; once it is sent, whoever takes it finds out, under its lock."""
    if request.method == "POST" or not obstacle:
        return None
    messages.error(request, obstacle)
    return redirect(address_of(invoice))


def approve_page(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Let a held invoice go on."""
    actor = require(request, "billing.view_invoice", APPROVE)
    invoice = find(Invoice, invoice_id)
    if back := turn_back(request, invoice, get_obstacle_to_release(invoice) or get_obstacle_to_issue(invoice)):
        return back

    def act(form: ApproveForm) -> HttpResponse:
        run = approve_and_bill(
            invoice.pk, actor=actor, reason=form.cleaned_data["reason"], seen=form.cleaned_data["seen"]
        )
        tell_of_run(request, run, "Approved. It is issued and delivered by")
        return redirect(address_of(invoice))

    says = (f"Held because: {invoice.held_reason}", f"Approve {_name(invoice)}? It is numbered and delivered at once.")
    question = Question("Approve invoice", "Approve", address_of(invoice), says)
    return ask(admin, request, question, partial(ApproveForm, initial={"seen": invoice.seen_mark}), act)


def reject_page(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Refuse a held invoice."""
    actor = require(request, "billing.view_invoice", APPROVE)
    invoice = find(Invoice, invoice_id)
    if back := turn_back(request, invoice, get_obstacle_to_release(invoice)):
        return back

    def act(form: ReasonForm) -> HttpResponse:
        reject_invoice(invoice.pk, actor=actor, reason=form.cleaned_data["reason"])
        messages.success(request, "Rejected. The month can be billed anew.")
        return redirect(address_of(invoice))

    says = (
        f"Held because: {invoice.held_reason}",
        f"Reject {_name(invoice)}? It is never issued; put right what is wrong, then bill the month anew.",
    )
    question = Question("Reject invoice", "Reject", address_of(invoice), says, is_grave=True)
    return ask(admin, request, question, ReasonForm, act)


def void_page(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Void an issued invoice."""
    actor = require(request, "billing.view_invoice", CORRECT)
    invoice = find(Invoice, invoice_id)
    if back := turn_back(request, invoice, get_obstacle_to_void(invoice)):
        return back

    def act(form: ReasonForm) -> HttpResponse:
        run = void_and_deliver(invoice.pk, actor=actor, reason=form.cleaned_data["reason"])
        if run:
            tell_of_run(request, run, f"{invoice} is void. It is voided in Stripe by")
        else:
            messages.success(request, f"{invoice} is void.")
        return redirect(address_of(invoice))

    says = (
        f"Void {_name(invoice)}? Its number stays taken, it is no longer due, and its month can be billed anew.",
        "A customer who has it already should get a credit note instead.",
    )
    question = Question("Void invoice", "Void", address_of(invoice), says, is_grave=True)
    return ask(admin, request, question, ReasonForm, act)


def _find_issued(request: HttpRequest, invoice: Invoice) -> Invoice | None:
    """Find what a form has issued that is sent a second time, by when its amounts may be more than is left."""
    form = OnceForm(request.POST) if request.method == "POST" else None
    if form is None or not form.is_valid():
        return None
    return get_correction_by(invoice, str(form.cleaned_data["token"]))


def credit_page(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Issue a credit note on an invoice."""
    actor = require(request, "billing.view_invoice", CORRECT)
    invoice = find(Invoice, invoice_id)
    if back := turn_back(request, invoice, get_obstacle_to_credit(invoice)):
        return back
    if note := _find_issued(request, invoice):
        messages.info(request, f"{note.get_kind_display()} {note.number} is issued already.")
        return redirect(address_of(note))
    left = get_left_to_credit(invoice)

    def act(form: CreditForm) -> HttpResponse:
        note, run = credit_and_deliver(
            invoice.pk,
            actor=actor,
            reason=form.cleaned_data["reason"],
            now=now(),
            amounts=form.amounts,
            token=str(form.cleaned_data["token"]),
        )
        said = (
            f"{note.get_kind_display()} {note.number} over {format_money(note.total_cents, note.currency)} is issued."
        )
        tell_of_run(request, run, f"{said} It is delivered by")
        return redirect(address_of(note))

    says = (
        f"Issue a credit note on {_name(invoice)}?",
        f"{format_money(sum(left.values()), invoice.currency)} is left of it. Tax follows what is credited. "
        "Once all that is left is credited, its month can be billed anew.",
    )
    question = Question(
        "Credit invoice",
        "Issue credit note",
        address_of(invoice),
        says,
        is_grave=True,
        template="billing/admin/credit.html",
        context={"invoice": invoice},
    )
    return ask(admin, request, question, partial(CreditForm, invoice, left), act)
