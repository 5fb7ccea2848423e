"""The front page: what ran, what is held, what failed, what came in; each part for those who may see it."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from alerts.models import Incident
from billing.services.correcting import credit_invoice, void_invoice
from common.clock import Month, now, previous_month
from tests.factories.billing import earn, make_creator, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT, deliver, make_held, make_invoice, note_delivery
from tests.factories.ledger import make_failed_run, make_item, make_run
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db
FRONT = reverse("admin:index")
LAST = previous_month()


def _page(group: str = "Read only") -> str:
    return log_in(group).get(FRONT).content.decode()


def _invoiced() -> list[tuple[str, int, str, str]]:
    rows = log_in("Finance").get(FRONT).context["invoiced"]
    return [(str(row["month"]), row["documents"], row["subtotal"], row["total"]) for row in rows]


@pytest.mark.parametrize("group", ["Finance", "Operations", "Support", "Read only"])
def test_a_fresh_installation_says_so_to_everybody(group: str) -> None:
    page = _page(group)
    for text in (
        "Nothing was billed yet",
        "Nothing waits for approval.",
        "Everything issued was delivered.",
        "Has not run yet",
    ):
        assert text in page
    assert ("Make a plan" in page) == (group == "Finance")


def test_invoiced_is_what_was_issued_by_month_and_currency() -> None:
    make_invoice(month=LAST, tax_rate_bps=2000)
    void_invoice(make_invoice(month=LAST).pk, actor=None, reason="wrong")
    credited = make_invoice(month=LAST)
    credit_invoice(credited.pk, actor=None, reason="wrong", now=ISSUED_AT)
    euros = make_organization(make_plan(currency="EUR"), currency="EUR")
    earn(make_creator(euros), LAST.plus(-11), 50_000, currency="EUR")
    make_invoice(euros, LAST.plus(-11))
    make_invoice(month=LAST.plus(-12))
    make_held()
    assert _invoiced() == [
        (str(LAST), 3, "USD 210.00", "USD 252.00"),
        (str(LAST.plus(-11)), 1, "EUR 100.00", "EUR 100.00"),
    ]


def _charts() -> dict[str, Any]:
    return {chart.currency: json.loads(chart.data) for chart in log_in("Finance").get(FRONT).context["charts"]}


def test_the_chart_has_twelve_months_with_those_that_brought_nothing() -> None:
    make_invoice(month=LAST)
    chart = _charts()["USD"]
    assert chart["labels"] == [f"{LAST.plus(-back).first_day:%Y-%m}" for back in range(11, -1, -1)]
    assert chart["datasets"][0]["data"] == ["0.00"] * 11 + ["210.00"]
    page = _page()
    assert ('class="chart"' in page, f"?month={LAST}" in page) == (True, True)


def test_what_failed_is_called_by_its_name() -> None:
    organization = make_organization(name="Café Crème")
    run = make_run(expected=2, failed=2)
    make_item(run, organization.pk, "failed", step="compute", error="The plan has no brackets.")
    make_item(run, "org_gone", "failed", step="compute", error="There is no such organization.")
    page = _page().partition('aria-label="What failed"')[2].partition("</section>")[0]
    assert ("Café Crème" in page, organization.pk in page, "org_gone" in page) == (True, False, True)


def test_what_is_held_leads_to_its_invoice() -> None:
    held = make_held()
    page = _page()
    for text in (held.organization.name, "is above USD 1.00", reverse("admin:billing_invoice_change", args=[held.pk])):
        assert text in page
    assert "?status__exact=held" in page


def test_what_could_not_be_delivered_leads_to_its_invoice() -> None:
    invoice = make_invoice()
    note_delivery(invoice, "stripe", "failed", error="Stripe <b>is</b> down.")
    note_delivery(invoice, "email", "unknown")
    page = _page("Support")
    for text in (invoice.number, "Stripe &lt;b&gt;is&lt;/b&gt; down.", "Outcome unknown", "?failed=any"):
        assert str(text) in page


def test_what_nobody_began_to_deliver_is_not_forgotten() -> None:
    voided, credited = make_invoice(), make_invoice()
    note = credit_invoice(credited.pk, actor=None, reason="wrong", now=now())
    note_delivery(voided, "stripe", "done")
    void_invoice(voided.pk, actor=None, reason="wrong")
    response = log_in("Support").get(FRONT)
    assert [(t.invoice, t.step, t.status) for t in response.context["undelivered"]] == [
        (note, "All of it", "Not begun"),
        (voided, "Void in Stripe", "Waiting"),
    ]
    assert [(tile.title, tile.text) for tile in response.context["tiles"]][1] == ("Not delivered", "2")
    assert str(note.number) in response.content.decode()


def test_invoices_that_nobody_began_to_deliver_are_counted_and_listed(settings: Settings) -> None:
    settings.INVOICE_ENABLE_STRIPE = settings.INVOICE_ENABLE_EMAIL = True
    none, half, whole = make_invoice(), make_invoice(), make_invoice()
    note_delivery(half, "stripe", "done")
    note_delivery(half, "pdf", "done")
    deliver(whole)
    context = log_in("Support").get(FRONT).context
    assert [(t.invoice, t.step, t.status) for t in context["undelivered"]] == [
        (half, "Storage, E-mail", "Not begun"),
        (none, "All of it", "Not begun"),
    ]
    assert [(tile.title, tile.text) for tile in context["tiles"]][1] == ("Not delivered", "2")


def test_what_failed_stays_until_it_is_run_again() -> None:
    run = make_failed_run(failed=5)
    page = _page("Operations")
    address = reverse("admin:jobs_jobrun_change", args=[run.pk])
    for text in ("org_failed0", "The plan has no brackets.", "5 of 6 failed", f"{address}?status=failed"):
        assert text in page
    assert "org_failed3" not in page
    make_run(status="succeeded", parent=run, mode="failed", dry_run=True)
    assert "org_failed0" in _page()
    make_run(status="nothing_to_do", parent=run, mode="missing")
    again = make_run(status="cancelled", parent=run, mode="failed")
    assert "5 of 6 failed</a>" in _page()
    for number in range(4):
        make_item(again, f"org_failed{number}")
    page = _page()
    assert ("5 of 6 failed, 1 left</a>" in page, "org_failed4" in page, "org_failed0" in page) == (True, True, False)
    make_item(again, "org_failed4")
    page = _page()
    assert ("org_failed4" in page, "Nothing is left of what failed in the last thirty days." in page) == (False, True)


def test_a_run_that_failed_as_a_whole_says_why() -> None:
    make_run(status="failed", error="STRIPE_API_KEY is not set.")
    assert "STRIPE_API_KEY is not set." in _page()


def test_each_part_is_for_those_who_may_see_it() -> None:
    held = make_held()
    make_failed_run()
    staff = make_staff()
    client = Client()
    client.force_login(staff)
    page = client.get(FRONT)
    if page.status_code == 200:
        content = page.content.decode()
        assert (held.organization.name in content, "org_failed0" in content) == (False, False)
    staff.user_permissions.add(Permission.objects.get(codename="view_jobrun"))
    client = Client()
    client.force_login(staff)
    content = client.get(FRONT).content.decode()
    assert ("org_failed0" in content, held.organization.name in content, "Invoiced in" in content) == (
        True,
        False,
        False,
    )


def test_months_are_read_at_the_door() -> None:
    make_invoice(month=Month(2020, 1))
    response = log_in("Finance").get(FRONT)
    assert response.context["invoiced"] == []
    assert "No invoice was issued in the last twelve months" in response.content.decode()


def test_money_what_is_held_and_incidents_come_before_the_jobs() -> None:
    make_held()
    make_invoice(month=LAST)
    Incident.objects.create(condition="job-late", scope="hourly-usage", severity="error", title="It is late")
    page = _page("Finance")
    parts = ["Outstanding", "Open incidents", "Held for approval</h2>", "Not delivered</h2>", "Invoiced in the last"]
    places = [
        page.index(part) for part in [*parts, 'aria-label="What failed"', 'aria-label="Jobs"', 'aria-label="Queues"']
    ]
    assert places == sorted(places)


def test_a_month_that_is_not_billed_yet_has_no_bar() -> None:
    make_invoice(month=LAST.plus(-1))
    assert _charts()["USD"]["labels"][-1] == f"{LAST.plus(-1).first_day:%Y-%m}"
    make_invoice(month=LAST)
    assert _charts()["USD"]["labels"][-1] == f"{LAST.first_day:%Y-%m}"
