"""The invoice page: what it says and why, its PDF, and who may do what."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from billing.models import Invoice, InvoiceLine
from billing.services.correcting import credit_invoice
from common.clock import Month
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.invoices import ISSUED_AT, make_draft, make_held, make_invoice, note_delivery, store_pdf
from tests.factories.ledger import make_item, make_run
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db
GROUPS = ("Finance", "Operations", "Support", "Read only")


@pytest.fixture
def files(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Keep invoices' files in a folder of the test's own."""
    backend = "django.core.files.storage.FileSystemStorage"
    options = {"location": tmp_path, "base_url": None, "allow_overwrite": True}
    settings.STORAGES = {**settings.STORAGES, "invoices": {"BACKEND": backend, "OPTIONS": options}}
    yield tmp_path
    storages._storages.pop("invoices", None)  # type: ignore[attr-defined]  # made anew from the settings restored


def _address(invoice: Invoice, name: str = "change") -> str:
    return reverse(f"admin:billing_invoice_{name}", args=[invoice.pk])


def _page(invoice: Invoice, group: str = "Read only", query: str = "") -> str:
    response = log_in(group).get(_address(invoice) + query)
    assert response.status_code == 200
    return response.content.decode()


def _buttons(invoice: Invoice, group: str) -> list[str]:
    return [button.text for button in log_in(group).get(_address(invoice)).context["buttons"]]


def test_says_who_what_and_how_each_amount_came_about() -> None:
    plan = make_plan(((0, 2000), (50_000, 1000)), base_fee_cents=9_900, name="Agency")
    meter = price_meter(plan, "message", "0.25", "1000")
    organization = make_organization(
        plan, name="Étoile <b>& Söhne</b>", account={"tax_rate_bps": 2000, "tax_id": "IE1"}
    )
    earn(make_creator(organization, display_name="Zoë"), AUGUST, 60_000)
    use(organization, meter, AUGUST, "3000")
    page = _page(make_invoice(organization))
    for text in (
        "Étoile &lt;b&gt;&amp; Söhne&lt;/b&gt;", "Tax ID IE1", "August 2026", "2026-09-01", "2026-09-15",
        "A month&#x27;s base fee of the plan “Agency”",
        "Commission Zoë", "20 % of the first USD 500.00 = USD 100.00", "10 % of the remaining USD 100.00 = USD 10.00",
        "3,000 messages − 1,000 included = 2,000 × USD 0.0025 = USD 5.00",
        "USD 214.00", "20 % of USD 214.00 = USD 42.80", "USD 256.80",
    ):  # fmt: skip
        assert text in page, text


def test_five_hundred_lines_are_shown_and_the_rest_on_demand() -> None:
    invoice = make_draft(make_organization(make_plan(base_fee_cents=1)))
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice, position=n, kind="usage", description=f"Line {n}.", month=AUGUST.first_day, amount_cents=0
        )
        for n in range(2, 503)
    )
    page = _page(invoice)
    assert ("Line 500." in page, "Line 501." in page, "Show the other 2 lines" in page) == (True, False, True)
    assert "Line 502." in _page(invoice, query="?all=1")


@pytest.mark.parametrize(
    ("group", "held", "issued"),
    [
        ("Finance", ["Approve", "Reject"], ["Send e-mail again", "Record payment", "Credit note", "Void"]),
        ("Operations", [], []),
        ("Support", [], []),
        ("Read only", [], []),
    ],
)
def test_offers_what_somebody_may_do(group: str, held: list[str], issued: list[str]) -> None:
    invoice = make_invoice()
    note_delivery(invoice, "email", "done")
    assert _buttons(make_held(), group) == held
    assert _buttons(invoice, group) == issued


def test_offers_nothing_that_the_state_forbids() -> None:
    credited = make_invoice()
    note = credit_invoice(credited.pk, actor=None, reason="wrong", now=ISSUED_AT)
    part = make_invoice()
    line = part.lines.get(kind="base_fee")
    credit_invoice(part.pk, actor=None, reason="wrong", now=ISSUED_AT, amounts={line.pk: 100})
    # Its customer may pay it all the same.
    assert _buttons(credited, "Finance") == ["Record payment"]
    assert _buttons(note, "Finance") == ["Void"]
    assert _buttons(part, "Finance") == ["Record payment", "Credit note"]


def test_links_invoice_and_credit_note_and_tells_what_people_did() -> None:
    finance = make_staff("Finance", name="Fina Nance")
    invoice = make_invoice()
    note = credit_invoice(invoice.pk, actor=finance, reason="They <i>disputed</i> it.", now=ISSUED_AT)
    page, other = _page(invoice, "Finance"), _page(note)
    for text in (note.number, "Fina Nance", "They &lt;i&gt;disputed&lt;/i&gt; it.", _address(note), "-USD 210.00"):
        assert str(text) in page
    assert f"{reverse('admin:billing_invoice_run')}?month=2026-08&amp;organizations={invoice.organization_id}" in page
    assert "Bill it again" not in _page(invoice, "Support")
    assert _address(invoice) in other
    assert "200.00 is credited here, all that was left" in other


def test_shows_each_step_with_its_error_and_retries_what_is_undone() -> None:
    invoice = make_invoice()
    note_delivery(invoice, "pdf", "done", detail={"sha256": "ab" * 32})
    note_delivery(invoice, "stripe", "failed", error="Stripe is down.", reference="in_1Qab")
    unknown = note_delivery(invoice, "email", "unknown", reference="<m@x>", detail={"recipient": "a@b.test"})
    page = _page(invoice, "Finance")
    for text in ("Stripe is down.", "in_1Qab", "&lt;m@x&gt;", "To a@b.test", "SHA-256 abababababab…", "Not begun"):
        assert text in page
    assert "https://dashboard.stripe.com/invoices/in_1Qab" in page
    settle = reverse("admin:billing_invoice_settle", args=[invoice.pk, unknown.pk, "sent"])
    assert (_address(invoice, "retry") in page, settle in page) == (True, True)
    for group in ("Operations", "Support", "Read only"):
        others = _page(invoice, group)
        assert (_address(invoice, "retry") in others, settle in others, "Stripe is down." in others) == (
            False,
            False,
            True,
        )


def test_refreshes_itself_only_while_a_step_is_running() -> None:
    invoice = make_invoice()
    delivery = note_delivery(invoice, "pdf", "running")
    assert 'hx-trigger="every 3s"' in _page(invoice)
    delivery.status = "done"
    delivery.save()
    assert 'hx-trigger="every 3s"' not in _page(invoice)


def test_refreshes_itself_while_a_run_is_to_work_on_it_and_wholly_in_the_end() -> None:
    invoice, client = make_invoice(), log_in("Read only")
    run = make_run(job="deliver-invoices", params={"invoices": [invoice.pk]}, status="queued")
    make_run(job="deliver-invoices", params={"invoices": [invoice.pk + 1]}, status="queued")
    poll = client.get(_address(invoice), headers={"HX-Request": "true"})
    assert ('hx-trigger="every 3s"' in poll.content.decode(), "HX-Refresh" in poll) == (True, False)
    type(run).objects.filter(pk=run.pk).update(status="succeeded")
    poll = client.get(_address(invoice), headers={"HX-Request": "true"})
    assert ('hx-trigger="every 3s"' in poll.content.decode(), poll["HX-Refresh"]) == (False, "true")
    make_run(job="monthly-billing", params={"month": "2026-08", "organizations": []}, status="running")
    assert 'hx-trigger="every 3s"' in _page(invoice)


def test_an_address_leads_to_stripe_or_to_a_page_of_http_alone(settings: Settings) -> None:
    settings.STRIPE_API_BASE = "http://localhost:1"
    invoice = make_invoice()
    stripe = note_delivery(invoice, "stripe", "done", reference="in_1", detail={"url": "javascript:alert(1)"})
    assert "javascript:" not in _page(invoice)
    stripe.detail = {"url": "http://localhost:1/stripe/invoices/in_1"}
    stripe.save()
    assert 'href="http://localhost:1/stripe/invoices/in_1"' in _page(invoice)


@pytest.mark.parametrize("group", GROUPS)
def test_hands_out_the_pdf_that_was_stored(group: str, files: Path) -> None:
    invoice = make_invoice()
    content = store_pdf(invoice)
    client = log_in(group)
    response = client.get(_address(invoice, "pdf"))
    assert (response.status_code, response["Content-Type"], response.content) == (200, "application/pdf", content)
    assert response["Content-Disposition"] == f'inline; filename="{invoice.number}.pdf"'
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    download = client.get(_address(invoice, "pdf") + "?download=1")
    assert download["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'
    assert f'src="{_address(invoice, "pdf")}' in _page(invoice, group)


def test_hands_out_no_pdf_that_was_tampered_with(files: Path) -> None:
    invoice = make_invoice()
    store_pdf(invoice)
    (stored,) = files.rglob("*.pdf")
    stored.write_bytes(stored.read_bytes().replace(b"%PDF", b"%FDP"))
    response = log_in("Finance").get(_address(invoice, "pdf"))
    assert response.status_code == 404
    assert "its checksum differs" in response.content.decode()


def test_says_that_there_is_no_pdf_yet() -> None:
    invoice = make_held()
    assert "There is no stored PDF yet" in _page(invoice)
    response = log_in("Finance").get(_address(invoice, "pdf"))
    assert (response.status_code, "There is no stored PDF of" in response.content.decode()) == (404, True)


@pytest.mark.parametrize("text", ["0", "999999999", "99999999999999999999", "abc", "1_", "%D9%A1"])
def test_an_address_of_nothing_is_not_found(text: str) -> None:
    client = log_in("Finance")
    assert client.get(f"{reverse('admin:billing_invoice_changelist')}{text}/change/").status_code == 404


@pytest.mark.parametrize("group", ["Finance", "Read only"])
def test_the_address_of_its_history_leads_to_its_audit_entries(group: str) -> None:
    invoice = make_invoice()
    client = log_in(group)
    response = client.get(_address(invoice, "history"))
    entries = f"{reverse('admin:accounts_auditentry_changelist')}?object_type=billing.invoice&object_id={invoice.pk}"
    assert (response.status_code, response["Location"]) == (302, entries)
    assert client.get(entries).status_code == 200


def test_shows_a_true_up_on_the_next_invoice() -> None:
    plan = make_plan()
    organization = make_organization(plan)
    creator = make_creator(organization, display_name="Zoë")
    earn(creator, Month(2026, 7), 10_000)
    make_invoice(organization, Month(2026, 7))
    earn(creator, Month(2026, 7), 15_000)
    page = _page(make_invoice(organization))
    assert "Adjustment July 2026: commission Zoë" in page
    assert "Due USD 30.00 − USD 20.00 billed = USD 10.00" in page


def test_leads_to_the_runs_that_worked_on_it() -> None:
    invoice = make_invoice()
    month = {"month": "2026-08", "organizations": []}
    billed, dry = make_run(params=month), make_run(params=month, dry_run=True)
    failed, replaced, delivered = make_run(params=month), make_run(params=month), make_run("deliver-invoices")
    for run, result in (
        (billed, {"invoice_id": invoice.pk}),
        (dry, {"invoice_id": invoice.pk}),
        (failed, {}),
        (replaced, {"invoice_id": invoice.pk + 1}),
    ):
        make_item(run, invoice.organization_id, result=result)
    make_item(delivered, str(invoice.pk))
    make_item(make_run("deliver-invoices"), str(invoice.pk + 1))
    assert log_in("Read only").get(_address(invoice)).context["runs"] == [delivered, billed]


def test_leads_from_a_credit_note_to_the_run_that_billed_the_month_anew() -> None:
    invoice = make_invoice()
    run = make_run()
    note = credit_invoice(invoice.pk, actor=None, reason="wrong", now=ISSUED_AT, run=run)
    assert log_in("Read only").get(_address(note)).context["runs"] == [run]


def test_an_unknown_client_sees_nothing() -> None:
    assert Client().get(_address(make_held(), "pdf")).status_code == 302
