"""Doors to billing a month: a preview that keeps nothing, and the run itself."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.admin.pages import AnyAdmin, require
from accounts.models import User
from billing.admin.pages import Question, ask
from billing.forms import MonthForm, PreviewForm, RunForm
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start

RUN = "billing.run_billing"
JOB = "monthly-billing"


def preview_page(admin: AnyAdmin, request: HttpRequest) -> HttpResponse:
    """Start a dry run of a month; its page shows the difference."""
    actor = require(request, RUN)
    says = (
        "Computes every invoice of the month with the real code and keeps nothing. Nobody outside is called but for "
        "earnings that are not there yet.",
        "The page that follows shows, by organization, what would be billed beside what is billed already and "
        "the month before.",
    )
    question = Question("Preview a month", "Preview", reverse("admin:billing_invoice_changelist"), says)
    return ask(admin, request, question, PreviewForm, lambda form: _start(request, actor, form, {"dry_run": True}))


def run_page(admin: AnyAdmin, request: HttpRequest) -> HttpResponse:
    """Bill a month."""
    actor = require(request, RUN)
    says = (
        "Bills the month: invoices are computed, numbered and delivered. What is billed already stays as it is, so a "
        "month can be run again for what is missing.",
        "Preview the month first to see what will be billed.",
    )
    question = Question("Run billing", "Run billing", reverse("admin:billing_invoice_changelist"), says, is_grave=True)

    def act(form: RunForm) -> HttpResponse:
        if not form.cleaned_data["regenerate"]:
            return _start(request, actor, form, {}, form.cleaned_data["reason"])
        # Nothing that is issued is taken back unseen: the preview's page leads on to the run itself.
        shown = _start(request, actor, form, {"regenerate": True, "dry_run": True}, form.cleaned_data["reason"])
        messages.info(
            request,
            "This is a preview: nothing is changed yet. Read what would be voided, credited, issued and mailed, then "
            "press “Start for real…”.",
        )
        return shown

    initial = {name: request.GET[name] for name in ("month", "organizations") if name in request.GET}
    return ask(admin, request, question, lambda **given: RunForm(**given, initial=initial), act)


def _start(request: HttpRequest, actor: User, form: MonthForm, asked: dict[str, Any], reason: str = "") -> HttpResponse:
    cleaned = form.cleaned_data
    job = get_job(JOB)
    params = read_params(job, {"month": cleaned["month"], "organizations": cleaned["organizations"], **asked})
    slot = f"admin:{cleaned['token']}"
    run, _ = start(job, params, JobRun.Trigger.ADMIN, actor=actor, reason=reason, slot=slot)
    if run.slot != slot:
        messages.warning(request, "This month is being billed already: this is the run that does it.")
    return redirect("admin:jobs_jobrun_change", run.pk)
