"""Billing anew in the admin: a preview of the difference first, and only then the run that was previewed."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, InvoiceAction, InvoiceDelivery
from jobs.engine import work
from jobs.models import JobRun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization
from tests.factories.runs import bill
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db(transaction=True)
RUN = reverse("admin:billing_invoice_run")
START = reverse("admin:jobs_jobrun_start_job", args=["monthly-billing"])


@pytest.fixture
def organization(settings: Settings) -> Organization:
    """An organization that was billed USD 20.00 for August, and that owes USD 25.00 by what is known now."""
    settings.INVOICE_ENABLE_EMAIL = True
    organization = make_organization(email="books@agency.test")
    creator = make_creator(organization)
    earn(creator, AUGUST, 10_000)
    bill(AUGUST)
    earn(creator, AUGUST, 12_500)
    return organization


def _ask(client: Client, organization: Organization) -> JobRun:
    """Ask for the month to be billed anew, and work on what that starts."""
    sent = {"month": "2026-08", "organizations": organization.pk, "regenerate": "on", "reason": "Wrong figures"}
    response = client.post(RUN, {**sent, "token": str(uuid4())})
    run = JobRun.objects.latest("id")
    assert response["Location"] == reverse("admin:jobs_jobrun_change", args=[run.pk])
    work(run.pk, wait=True)
    return JobRun.objects.get(pk=run.pk)


def _start(client: Client, organization: Organization, preview: JobRun | None = None, **sent: str) -> Any:
    asked = {"month": "2026-08", "organizations": organization.pk, "regenerate": "on", "reason": "Wrong figures"}
    switches = dict.fromkeys(("stripe", "email", "deliver"), "on")
    address = f"{START}?preview={preview.pk}" if preview else START
    return client.post(address, {**asked, **switches, "mark": uuid4().hex, "action": "start", **sent})


def _documents() -> list[tuple[str, int]]:
    return list(Invoice.objects.order_by("id").values_list("status", "total_cents"))


def _reached() -> None:
    InvoiceDelivery.objects.create(invoice=Invoice.objects.get(), step="email", status="done")


def test_one_click_changes_nothing_and_says_what_a_second_would(organization: Organization) -> None:
    _reached()
    client = log_in("Finance")
    preview = _ask(client, organization)
    assert (preview.dry_run, preview.status, preview.reason) == (True, "succeeded", "Wrong figures")
    assert _documents() == [("finalized", 2_000)]
    assert not InvoiceAction.objects.exists()
    item = preview.items.get()
    assert item.result["note"] == (
        "INV-2026-000001 over USD 20.00 is credited, by a credit note over -USD 20.00. A new invoice over USD 25.00 is "
        "issued. Mailed to books@agency.test: the credit note on INV-2026-000001 and the new invoice."
    )
    page = client.get(reverse("admin:jobs_jobrun_change", args=[preview.pk])).content.decode()
    for said in ("This is a preview: nothing is changed yet.", "USD 20.00", "+USD 5.00", "Start for real…"):
        assert said in page


def test_what_reached_nobody_is_voided_and_what_is_odd_is_held(organization: Organization) -> None:
    BillingAccount.objects.update(max_total_cents=2_100)
    note = _ask(log_in("Finance"), organization).items.get().result["note"]
    assert note == (
        "INV-2026-000001 over USD 20.00 is voided. The new invoice over USD 25.00 is held for approval: Its total of "
        "USD 25.00 is above USD 21.00. Nothing is mailed."
    )


def test_mails_that_are_switched_off_are_not_announced(organization: Organization) -> None:
    BillingAccount.objects.update(deliver_email=False)
    note = _ask(log_in("Finance"), organization).items.get().result["note"]
    assert note.endswith("A new invoice over USD 25.00 is issued. Nothing is mailed: e-mail is switched off.")


def test_what_was_previewed_is_done_once(organization: Organization, settings: Settings) -> None:
    settings.INVOICE_ENABLE_EMAIL = False
    client, mark = log_in("Finance"), uuid4().hex
    preview = _ask(client, organization)
    page = client.get(f"{START}?preview={preview.pk}").content.decode()
    for said in ("INV-2026-000001 over USD 20.00 is voided.", "+USD 5.00", "Wrong figures"):
        assert said in page
    first, second = (_start(client, organization, preview, mark=mark) for _ in range(2))
    run = JobRun.objects.get(dry_run=False, params__regenerate=True)
    assert first["Location"] == second["Location"] == reverse("admin:jobs_jobrun_change", args=[run.pk])
    work(run.pk, wait=True)
    assert _documents() == [("void", 2_000), ("finalized", 2_500)]
    item = run.items.get()
    assert (item.result["already_cents"], item.result["note"]) == (
        2_000, "INV-2026-000001 over USD 20.00 is voided. A new invoice over USD 25.00 is issued.",
    )  # fmt: skip
    assert "Press “Preview” and look at the difference first" in _start(client, organization, preview).content.decode()
    assert JobRun.objects.filter(dry_run=False, params__regenerate=True).count() == 1


def test_nothing_is_billed_anew_unseen(organization: Organization) -> None:
    client, other = log_in("Finance"), make_organization()
    preview = _ask(client, organization)
    cancelled = _ask(client, organization)
    JobRun.objects.filter(pk=cancelled.pk).update(status="cancelled")
    for seen, sent in ((None, {}), (cancelled, {}), (preview, {"organizations": other.pk}), (preview, {"email": ""})):
        response = _start(client, organization, seen, **sent)
        assert "Press “Preview” and look at the difference first" in response.content.decode()
    assert not JobRun.objects.filter(dry_run=False, params__regenerate=True).exists()
    assert _documents() == [("finalized", 2_000)]


def test_a_preview_fails_where_the_run_would(organization: Organization) -> None:
    _reached()
    organization.billing_account.plan.brackets.all().delete()
    item = _ask(log_in("Finance"), organization).items.get()
    assert (item.status, item.error.endswith("has no commission brackets: add at least one.")) == ("failed", True)
    assert _documents() == [("finalized", 2_000)]
