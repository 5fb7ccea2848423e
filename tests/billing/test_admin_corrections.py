"""What people decide about invoices: done once, with a reason, by those who may."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, InvoiceAction, InvoiceDelivery
from billing.services.correcting import credit_invoice
from jobs.models import JobRun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT, make_held, make_invoice, note_delivery
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
OTHERS = ("Operations", "Support", "Read only")


def _address(invoice: Invoice, name: str = "change") -> str:
    return reverse(f"admin:billing_invoice_{name}", args=[invoice.pk])


def _post(invoice: Invoice, name: str, group: str = "Finance", **values: Any) -> Any:
    hidden = {"seen": invoice.seen_mark, "token": str(uuid4())}
    return log_in(group).post(_address(invoice, name), {"reason": "Checked with the customer.", **hidden, **values})


def _sent_from(client: Client, address: str, **values: str) -> dict[str, str]:
    """Fill in a form as the page has it, with what is hidden in it."""
    hidden = dict(re.findall(r'name="(seen|token)" value="([^"]+)"', client.get(address).content.decode()))
    return {"reason": "Checked.", **hidden, **values}


def _actions() -> list[tuple[str, str]]:
    return list(InvoiceAction.objects.order_by("id").values_list("verb", "reason"))


def _settle(invoice: Invoice, delivery: InvoiceDelivery, outcome: str) -> str:
    return reverse("admin:billing_invoice_settle", args=[invoice.pk, delivery.pk, outcome])


def test_approving_asks_first_then_starts_the_month_for_that_organization() -> None:
    invoice = make_held()
    client = log_in("Finance")
    question = client.get(_address(invoice, "approve")).content.decode()
    assert "is above USD 1.00" in question
    assert Invoice.objects.get().status == "held"
    sent = {"reason": "Checked.", "seen": invoice.seen_mark}
    response = client.post(_address(invoice, "approve"), sent, follow=True)
    run = JobRun.objects.get()
    assert (run.job, run.params["organizations"], run.params["month"]) == (
        "monthly-billing", [invoice.organization_id], "2026-08",
    )  # fmt: skip
    assert (run.reason, run.trigger, _actions()) == ("Checked.", "admin", [("approve", "Checked.")])
    assert (Invoice.objects.get().status, InvoiceAction.objects.get().actor) == ("draft", run.actor)
    assert reverse("admin:jobs_jobrun_change", args=[run.pk]) in response.content.decode()


def test_what_was_computed_anew_meanwhile_is_not_approved_unseen() -> None:
    invoice, client = make_held(), log_in("Finance")
    address = _address(invoice, "approve")
    sent = _sent_from(client, address)
    Invoice.objects.filter(pk=invoice.pk).update(subtotal_cents=99_900, total_cents=99_900)
    page = client.post(address, sent).content.decode()
    assert ("was computed anew since you opened this page and is USD 999.00 now" in page) is True
    assert (Invoice.objects.get().status, _actions(), JobRun.objects.count()) == ("held", [], 0)
    # The page that says so shows the new amount, and it is this one that is approved from there.
    assert "USD 999.00? It is numbered" in page
    (seen,) = re.findall(r'name="seen" value="([^"]+)"', page)
    client.post(address, {"reason": "Checked.", "seen": seen})
    assert (Invoice.objects.get().status, JobRun.objects.count()) == ("draft", 1)


@pytest.mark.parametrize("values", [{"seen": ""}, {"seen": "x" * 101}])
def test_nothing_is_approved_by_a_form_that_shows_nothing(values: dict[str, str]) -> None:
    invoice = make_held()
    assert "load the page again" in _post(invoice, "approve", **values).content.decode()
    assert (Invoice.objects.get().status, JobRun.objects.count()) == ("held", 0)


@pytest.mark.parametrize("scope", ["all", "lines"])
def test_a_form_sent_twice_credits_once(scope: str) -> None:
    invoice, client = make_invoice(), log_in("Finance")
    line = invoice.lines.get(kind="commission")
    address = _address(invoice, "credit")
    amounts = {f"line_{line.pk}": "200.00"} if scope == "lines" else {}
    sent = _sent_from(client, address, scope=scope, **amounts)
    first, second = client.post(address, sent), client.post(address, sent, follow=True)
    note = Invoice.objects.get(corrects=invoice)
    assert (first["Location"], second.redirect_chain) == (_address(note), [(_address(note), 302)])
    assert f"Credit note {note.number} is issued already." in second.content.decode()
    assert ([verb for verb, _ in _actions()], JobRun.objects.count()) == (["credit"], 1)


def test_two_forms_credit_twice() -> None:
    invoice, client = make_invoice(), log_in("Finance")
    line, address = invoice.lines.get(kind="commission"), _address(invoice, "credit")
    sent = [_sent_from(client, address, scope="lines", **{f"line_{line.pk}": "50.00"}) for _ in range(2)]
    for values in sent:
        client.post(address, values)
    assert sorted(Invoice.objects.filter(corrects=invoice).values_list("total_cents", flat=True)) == [-5_000, -5_000]


def test_rejecting_voiding_and_crediting_keep_who_and_why() -> None:
    held, issued, credited = make_held(), make_invoice(), make_invoice()
    for invoice, name in ((held, "reject"), (issued, "void"), (credited, "credit")):
        response = _post(invoice, name, scope="all")
        assert response.status_code == 302
    states = {invoice.pk: Invoice.objects.get(pk=invoice.pk).status for invoice in (held, issued, credited)}
    assert states == {held.pk: "rejected", issued.pk: "void", credited.pk: "credited"}
    note = Invoice.objects.get(corrects=credited)
    assert (note.total_cents, response["Location"]) == (-21_000, _address(note))
    why = "Checked with the customer."
    assert _actions() == [("reject", why), ("void", why), ("credit", why)]
    # Nothing of the void one had reached anybody, so that its delivery is the credit note's alone.
    assert [(run.job, run.params["invoices"]) for run in JobRun.objects.all()] == [("deliver-invoices", [note.pk])]


def test_a_credit_note_says_who_issued_it_and_why() -> None:
    credited, other = make_invoice(), make_invoice()
    _post(credited, "credit", scope="all")
    _post(other, "credit", scope="all", reason="For another reason.")
    note = Invoice.objects.get(corrects=credited)
    page = log_in("Read only").get(_address(note)).content.decode()
    assert (f"Credited: {note.number}" in page, page.count("Checked with the customer.")) == (True, 1)
    assert "For another reason." not in page
    assert "Nobody did anything" not in page


def test_a_void_is_carried_to_stripe() -> None:
    issued = make_invoice()
    note_delivery(issued, "stripe", "done")
    _post(issued, "void")
    assert [(run.job, run.params["invoices"]) for run in JobRun.objects.all()] == [("deliver-invoices", [issued.pk])]
    assert issued.deliveries.get(step="stripe_void").status == "pending"


@pytest.mark.parametrize("name", ["approve", "reject", "void", "credit", "resend"])
@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_reason_nothing_happens(name: str, reason: str) -> None:
    invoice = make_held() if name in {"approve", "reject"} else make_invoice()
    note_delivery(invoice, "email", "done")
    before = invoice.status
    response = _post(invoice, name, scope="all", reason=reason)
    assert (response.status_code, list(response.context["form"].errors)) == (200, ["reason"])
    assert (Invoice.objects.get().status, _actions(), JobRun.objects.count()) == (before, [], 0)


@pytest.mark.parametrize("group", OTHERS)
@pytest.mark.parametrize("name", ["approve", "reject", "void", "credit", "resend", "retry"])
def test_others_are_refused(group: str, name: str) -> None:
    invoice = make_held() if name in {"approve", "reject"} else make_invoice()
    note_delivery(invoice, "email", "done")
    before = invoice.status
    assert log_in(group).get(_address(invoice, name)).status_code == 403
    assert _post(invoice, name, group, scope="all").status_code == 403
    assert (Invoice.objects.get().status, _actions(), JobRun.objects.count()) == (before, [], 0)


def test_what_the_state_forbids_is_said_in_words() -> None:
    issued = make_invoice()
    credit_invoice(issued.pk, actor=None, reason="wrong", now=ISSUED_AT, amounts={issued.lines.all()[0].pk: 100})
    count = InvoiceAction.objects.count()
    for name, said in (
        ("approve", "is not held but finalized"),
        ("reject", "is not held"),
        ("void", "has credit notes"),
    ):
        assert said in _post(issued, name).content.decode()
    assert InvoiceAction.objects.count() == count


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("approve", "issued", "is not held but finalized."),
        ("reject", "issued", "is not held but finalized."),
        ("void", "held", "is held for approval and can&#x27;t be voided."),
        ("void", "credited", "is credited and can&#x27;t be voided."),
        ("credit", "held", "is held for approval and can&#x27;t be credited."),
        ("credit", "credited", "is credited and can&#x27;t be credited."),
        ("credit", "note", "is a correction and can&#x27;t be credited; void it instead."),
    ],
)
def test_nobody_writes_a_reason_for_what_the_state_forbids(name: str, state: str, said: str) -> None:
    invoice = make_held() if state == "held" else make_invoice()
    if state in {"credited", "note"}:
        note = credit_invoice(invoice.pk, actor=None, reason="wrong", now=ISSUED_AT)
        invoice = note if state == "note" else Invoice.objects.get(pk=invoice.pk)
    before = InvoiceAction.objects.count()
    response = log_in("Finance").get(_address(invoice, name), follow=True)
    assert (response.redirect_chain, said in response.content.decode()) == ([(_address(invoice), 302)], True)
    assert InvoiceAction.objects.count() == before


def test_nobody_writes_a_reason_for_voiding_what_is_credited_in_part() -> None:
    issued = make_invoice()
    credit_invoice(issued.pk, actor=None, reason="wrong", now=ISSUED_AT, amounts={issued.lines.all()[0].pk: 100})
    page = log_in("Finance").get(_address(issued, "void"), follow=True).content.decode()
    assert "has credit notes; void those first." in page


def test_credits_lines_by_amount_with_their_tax() -> None:
    organization = make_organization(make_plan(base_fee_cents=10_000), account={"tax_rate_bps": 2000})
    earn(make_creator(organization), AUGUST, 100_000)
    invoice = make_invoice(organization)
    base, commission = invoice.lines.order_by("position")[:2]
    page = log_in("Finance").get(_address(invoice, "credit")).content.decode()
    assert ("USD 100.00" in page, "USD 200.00" in page, f"line_{base.pk}" in page) == (True, True, True)
    _post(invoice, "credit", scope="lines", **{f"line_{base.pk}": "25.50", f"line_{commission.pk}": ""})
    note = Invoice.objects.get(corrects=invoice)
    assert (note.subtotal_cents, note.tax_cents, note.total_cents) == (-2_550, -510, -3_060)
    again = log_in("Finance").get(_address(invoice, "credit")).content.decode()
    assert "USD 74.50" in again
    invoice.refresh_from_db()
    assert invoice.status == "finalized"


@pytest.mark.parametrize(
    ("scope", "amount", "said"),
    [
        ("lines", "210.01", "At most USD 10.00 is left of this line."),
        ("lines", "-1", "At most USD 10.00 is left of this line."),
        ("lines", "0.001", "USD has 2 decimals: enter an amount like 49.00."),
        ("lines", "much", "Enter an amount like 1,234.50"),
        ("lines", "NaN", "Enter an amount like 1,234.50"),
        ("lines", "", "Write the amount beside at least one line."),
        ("lines", "0", "Write the amount beside at least one line."),
        ("all", "5", "You wrote amounts: choose “These amounts”, or take them out again."),
        ("half", "", "Select a valid choice."),
    ],
)
def test_nonsense_amounts_are_refused_at_their_field(scope: str, amount: str, said: str) -> None:
    invoice = make_invoice()
    line = invoice.lines.get(kind="base_fee")
    response = _post(invoice, "credit", scope=scope, **{f"line_{line.pk}": amount})
    assert (response.status_code, said in response.content.decode()) == (200, True)
    assert not Invoice.objects.filter(corrects=invoice).exists()


def test_amounts_are_read_in_the_currency_s_own_decimals() -> None:
    organization = make_organization(make_plan(currency="JPY", base_fee_cents=500), currency="JPY")
    invoice = make_invoice(organization)
    line = invoice.lines.get(kind="base_fee")
    assert (
        "JPY has no decimals: enter a whole amount"
        in _post(invoice, "credit", scope="lines", **{f"line_{line.pk}": "1.5"}).content.decode()
    )
    _post(invoice, "credit", scope="lines", **{f"line_{line.pk}": "120"})
    assert Invoice.objects.get(corrects=invoice).total_cents == -120


def test_retrying_starts_the_delivery_by_post_alone() -> None:
    invoice = make_invoice()
    client = log_in("Finance")
    assert client.get(_address(invoice, "retry")).status_code == 405
    assert not JobRun.objects.exists()
    response = client.post(_address(invoice, "retry"), follow=True)
    run = JobRun.objects.get()
    assert (run.job, run.params["invoices"]) == ("deliver-invoices", [invoice.pk])
    assert reverse("admin:jobs_jobrun_change", args=[run.pk]) in response.content.decode()


def test_sending_again_is_a_further_e_mail() -> None:
    invoice = make_invoice()
    note_delivery(invoice, "email", "done")
    _post(invoice, "resend")
    assert list(invoice.deliveries.values_list("sequence", "status")) == [(1, "done"), (2, "pending")]
    assert (JobRun.objects.get().job, _actions()[0][0]) == ("deliver-invoices", "resend")
    assert "is not sent yet" in _post(invoice, "resend").content.decode()


def test_an_e_mail_of_unknown_outcome_is_settled_by_a_person() -> None:
    invoice = make_invoice()
    first = note_delivery(invoice, "email", "unknown")
    client = log_in("Finance")
    client.post(_settle(invoice, first, "sent"), {"reason": "They have it."})
    first.refresh_from_db()
    assert (first.status, JobRun.objects.count(), _actions()) == ("done", 0, [("settle", "They have it.")])
    second = note_delivery(invoice, "email", "unknown", sequence=2)
    client.post(_settle(invoice, second, "again"), {"reason": "They have not."})
    second.refresh_from_db()
    assert (second.status, second.detail, JobRun.objects.count()) == ("unknown", {"may_resend": True}, 1)


def test_only_e_mails_of_that_invoice_are_settled() -> None:
    invoice, other = make_invoice(), make_invoice()
    mail, stripe = note_delivery(invoice, "email", "unknown"), note_delivery(invoice, "stripe", "unknown")
    client = log_in("Finance")
    for address in (_settle(other, mail, "sent"), _settle(invoice, stripe, "sent"), _settle(invoice, mail, "lost")):
        assert client.post(address, {"reason": "x"}).status_code == 404
    for group in OTHERS:
        assert log_in(group).post(_settle(invoice, mail, "sent"), {"reason": "x"}).status_code == 403
    assert set(InvoiceDelivery.objects.values_list("status", flat=True)) == {"unknown"}
