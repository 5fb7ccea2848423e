"""The invoice list: what it shows, finds and adds up."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from billing.models import Invoice
from billing.selectors import invoices as selectors
from billing.services.correcting import credit_invoice, void_invoice
from common.clock import Month, now
from jobs.models import JobRun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT, deliver, make_held, make_invoice, note_delivery
from tests.factories.ledger import make_run
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db
LIST = reverse("admin:billing_invoice_changelist")
JULY = Month(2026, 7)


def _found(client: Client, query: str = "") -> list[Invoice]:
    return list(client.get(LIST + query).context["cl"].result_list)


def _totals(client: Client, query: str = "") -> list[tuple[str, int, int, int, int]]:
    totals = client.get(LIST + query).context["cl"].paginator.selection.totals
    return [(t.currency, t.invoices, t.total_cents, t.issued_cents, t.dropped_cents) for t in totals]


def test_shows_number_organization_month_kind_state_and_total() -> None:
    invoice = make_invoice(tax_rate_bps=2000)
    page = log_in("Read only").get(LIST).content.decode()
    for text in (
        invoice.number,
        invoice.organization.name,
        invoice.organization_id,
        "2026-08",
        "Finalized",
        "USD 252.00",
    ):
        assert str(text) in page
    assert f"{LIST}{invoice.pk}/change/" in page


def test_shows_how_each_step_of_the_delivery_ended() -> None:
    invoice = make_invoice()
    note_delivery(invoice, "pdf", "done")
    note_delivery(invoice, "stripe", "failed", error="Stripe has <b>no</b> key.")
    note_delivery(invoice, "email", "done")
    note_delivery(invoice, "email", "unknown", sequence=2)
    page = log_in("Support").get(LIST).content.decode()
    for text in ("PDF: done", "Stripe: failed. Stripe has &lt;b&gt;no&lt;/b&gt; key.", "E-mail: outcome unknown"):
        assert text in page
    assert "E-mail: done" not in page


def test_filters_by_month_state_kind_and_failed_step() -> None:
    august, july, held = make_invoice(), make_invoice(month=JULY), make_held()
    note = credit_invoice(july.pk, actor=None, reason="wrong", now=ISSUED_AT)
    note_delivery(august, "stripe", "failed")
    note_delivery(note, "email", "unknown")
    client = log_in("Finance")
    for query, expected in (
        ("?month=2026-07", {july, note}),
        ("?status__exact=held", {held}),
        ("?kind__exact=credit_note", {note}),
        ("?failed=stripe", {august}),
        ("?failed=email", {note}),
        ("?failed=any", {august, note}),
        ("?failed=unknown", {note}),
        ("?failed=pdf", set()),
        ("?month=2026-07&kind__exact=invoice", {july}),
    ):
        assert set(_found(client, query)) == expected, query


def test_finds_what_nobody_began_to_deliver() -> None:
    voided, under_way, carried = make_invoice(), make_invoice(month=JULY), make_invoice()
    for invoice in (voided, under_way, carried):
        note_delivery(invoice, "stripe", "done")
        void_invoice(invoice.pk, actor=None, reason="wrong")
    carried.deliveries.filter(step="stripe_void").update(status="done")
    notes = [credit_invoice(make_invoice().pk, actor=None, reason="wrong", now=now()) for _ in range(4)]
    note_delivery(notes[1], "pdf", "pending")
    deliver(notes[2])
    void_invoice(notes[3].pk, actor=None, reason="wrong")
    deliver(notes[3].corrects)
    make_run("deliver-invoices", "running", params={"invoices": [under_way.pk]})
    client = log_in("Finance")
    assert set(_found(client, "?failed=any")) == {voided, notes[0], notes[1]}
    assert _found(client, "?failed=stripe_void") == [voided]
    assert (_found(client, "?failed=email"), _found(client, "?failed=unknown")) == ([], [])
    assert "Not delivered <strong>3</strong>" in client.get(LIST).content.decode()


@pytest.mark.parametrize("is_on", [True, False])
def test_an_invoice_whose_delivery_never_began_is_not_delivered(settings: Settings, is_on: bool) -> None:
    settings.INVOICE_ENABLE_STRIPE = settings.INVOICE_ENABLE_EMAIL = is_on
    whole, half, none, void = make_invoice(), make_invoice(), make_invoice(), make_invoice()
    by_post = make_invoice(deliver_stripe=False, deliver_email=False)
    deliver(whole)
    for invoice in (half, by_post):
        for step in ("pdf", "store"):
            note_delivery(invoice, step, "done")
    for step in ("stripe", "pdf", "store"):
        note_delivery(void, step, "pending")
    Invoice.objects.filter(pk=void.pk).update(status="void")
    client = log_in("Finance")
    assert set(_found(client, "?failed=any")) == ({half, none} if is_on else {none})
    assert set(_found(client, "?failed=email")) == ({half, none} if is_on else set())
    assert _found(client, "?failed=pdf") == [none]
    assert f"Not delivered <strong>{2 if is_on else 1}</strong>" in client.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("job", "params", "is_under_way"),
    [
        ("monthly-billing", {"month": "2026-08", "organizations": [], "deliver": True}, True),
        ("monthly-billing", {"month": "2026-08", "organizations": [], "deliver": False}, False),
        ("monthly-billing", {"month": "2026-07", "organizations": [], "deliver": True}, False),
        ("monthly-billing", {"month": "2026-08", "organizations": ["org_other"], "deliver": True}, False),
        ("deliver-invoices", {"invoices": [0]}, False),
    ],
)
def test_what_a_run_is_about_to_deliver_is_not_listed_before_the_run_ends(
    job: str, params: dict[str, Any], is_under_way: bool
) -> None:
    invoice = make_invoice()
    run = make_run(job, "running", params=params)
    client = log_in("Finance")
    assert _found(client, "?failed=any") == ([] if is_under_way else [invoice])
    JobRun.objects.filter(pk=run.pk).update(status="cancelled")
    assert _found(client, "?failed=any") == [invoice]


@pytest.mark.parametrize("query", ["?month=yesterday", "?month=2026-13", "?failed=everything", "?p=x", "?p=99"])
def test_nonsense_finds_nothing_or_everything_and_breaks_nothing(query: str) -> None:
    make_invoice()
    assert log_in("Finance").get(LIST + query, follow=True).status_code == 200


def test_searches_by_number_digits_organization_and_reference() -> None:
    organization = make_organization(make_plan(), name="Étoile & Söhne")
    earn(make_creator(organization), AUGUST, 100_000)
    other = make_organization(name="Other")
    earn(make_creator(other), AUGUST, 100_000)
    wanted, _ = make_invoice(organization), make_invoice(other)
    note_delivery(wanted, "stripe", "done", reference="in_1Qab")
    client = log_in("Finance")
    digits = str(int((wanted.number or "")[-6:]))
    for text in (wanted.number, (wanted.number or "").lower(), digits, organization.pk, "étoile", "in_1Qab"):
        assert _found(client, f"?q={text}") == [wanted], text
    assert _found(client, "?q=nobody") == []


def test_adds_up_the_selection_by_currency() -> None:
    euros = make_organization(make_plan(currency="EUR"), currency="EUR")
    earn(make_creator(euros), AUGUST, 50_000, currency="EUR")
    make_invoice(euros)
    make_invoice()
    void_invoice(make_invoice(cents=10_000).pk, actor=None, reason="wrong")
    make_held(cents=200_000)
    client = log_in("Finance")
    assert _totals(client) == [("EUR", 1, 10_000, 10_000, 0), ("USD", 3, 64_000, 21_000, 3_000)]
    assert _totals(client, "?status__exact=held") == [("USD", 1, 40_000, 0, 0)]
    assert _totals(client, "?month=2026-07") == []
    assert "USD 640.00" in client.get(LIST).content.decode()


def test_estimates_a_selection_too_large_to_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    make_invoice()
    make_invoice()
    monkeypatch.setattr(selectors, "SUMMED_AT_MOST", 0)
    response = log_in("Finance").get(LIST)
    assert response.context["cl"].paginator.selection.totals is None
    assert "too many to add up" in response.content.decode()
    assert len(response.context["cl"].result_list) > 0


def test_adds_up_ticked_rows() -> None:
    ticked = [make_invoice().pk, make_invoice(cents=200_000).pk]
    make_invoice(cents=300_000)
    client = log_in("Read only")
    response = client.post(LIST, {"action": "sum_up", "_selected_action": ticked}, follow=True)
    assert [str(message) for message in response.context["messages"]] == ["2 in USD: USD 620.00, of it tax USD 0.00."]


def test_asks_the_database_as_often_for_many_as_for_few() -> None:
    client = log_in("Finance")
    note_delivery(make_invoice(), "pdf", "done")
    # A session's first page writes down since when it is used.
    client.get(LIST)
    with CaptureQueriesContext(connection) as few:
        client.get(LIST)
    for _ in range(4):
        note_delivery(make_invoice(), "pdf", "done")
    with CaptureQueriesContext(connection) as many:
        client.get(LIST)
    assert len(many) == len(few)


def test_leads_to_what_waits() -> None:
    make_held()
    note_delivery(make_invoice(), "email", "unknown")
    page = log_in("Finance").get(LIST).content.decode()
    assert "Held for approval <strong>1</strong>" in page
    assert "Not delivered <strong>1</strong>" in page


def test_nobody_adds_changes_or_deletes_an_invoice_by_hand() -> None:
    invoice = make_invoice()
    client = log_in(superuser=True)
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{invoice.pk}/delete/", {"post": "yes"}).status_code == 403
    page = client.post(f"{LIST}{invoice.pk}/change/", {"total_cents": 1, "status": "void"})
    invoice.refresh_from_db()
    assert (page.status_code, invoice.status, invoice.total_cents) == (200, "finalized", 21_000)


def test_is_closed_to_those_outside() -> None:
    invoice = make_invoice()
    for address in (LIST, f"{LIST}{invoice.pk}/change/", f"{LIST}{invoice.pk}/pdf/", f"{LIST}run/"):
        assert Client().get(address).status_code == 302
        stranger = Client()
        stranger.force_login(make_staff())
        assert stranger.get(address).status_code == 403


def test_an_empty_list_says_so() -> None:
    page = log_in("Read only").get(LIST).content.decode()
    assert "No results found" in page
