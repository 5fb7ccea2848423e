"""Corrections carried to Stripe: what is void here is void there, what is credited here is credited there."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from billing.models import Invoice
from billing.selectors.payments import describe_difference, list_differing
from billing.services.correcting import void_invoice
from billing.services.deciding import credit_and_deliver, void_and_deliver
from billing.services.resending import retry_delivery
from common.clock import now
from common.errors import Permanent
from jobs.engine import work
from jobs.models import JobRun
from sandbox.server import Sandbox
from sandbox.server import run as run_sandbox
from tests.factories.billing import AUGUST, earn, make_creator, make_organization
from tests.factories.runs import bill

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stripe(settings: Settings, tmp_path: Path) -> Iterator[Sandbox]:
    with run_sandbox() as sandbox:
        settings.INVOICE_ENABLE_STRIPE = True
        settings.STRIPE_API_KEY = "sk_test_corrections"
        settings.STRIPE_API_BASE = f"{sandbox.http_url}/stripe"
        files = settings.STORAGES["invoices"]
        options = {**files["OPTIONS"], "location": tmp_path}
        settings.STORAGES = {**settings.STORAGES, "invoices": {**files, "OPTIONS": options}}
        yield sandbox


def _there(sandbox: Sandbox, kind: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = httpx.get(f"{sandbox.http_url}/control/stripe/objects/{kind}").json()["data"]
    return found


def _bill() -> Invoice:
    earn(make_creator(make_organization()), AUGUST, 10_000)
    assert bill(AUGUST, deliver=True).status == "succeeded"
    return Invoice.objects.get()


def _finish(run: JobRun | None) -> str:
    assert run is not None
    work(run.pk, wait=True)
    run.refresh_from_db()
    return run.status


def test_a_void_invoice_is_void_in_stripe(stripe: Sandbox) -> None:
    invoice = _bill()
    assert _finish(void_and_deliver(invoice.pk, actor=None, reason="Wrong")) == "succeeded"
    assert [(there["status"], there["total"]) for there in _there(stripe, "invoice")] == [("void", 2000)]


def test_billing_a_month_again_voids_in_stripe_what_was_voided_meanwhile_and_nothing_else(stripe: Sandbox) -> None:
    for earned in (10_000, 20_000, 30_000):
        earn(make_creator(make_organization()), AUGUST, earned)
    bill(AUGUST, deliver=True)
    for invoice in Invoice.objects.exclude(total_cents=4000):
        void_invoice(invoice.pk, actor=None, reason="Wrong")
    assert bill(AUGUST, deliver=True).status == "succeeded"
    there = sorted((str(there["status"]), str(there["total"])) for there in _there(stripe, "invoice"))
    assert there == [("open", "2000"), ("open", "4000"), ("open", "6000"), ("void", "2000"), ("void", "6000")]


def test_a_credit_note_stands_in_stripe_until_it_is_void(stripe: Sandbox) -> None:
    invoice = _bill()
    line = invoice.lines.get(kind="commission")
    note, run = credit_and_deliver(invoice.pk, actor=None, reason="Goodwill", now=now(), amounts={line.pk: 500})
    assert _finish(run) == "succeeded"
    assert [(there["status"], there["amount"]) for there in _there(stripe, "credit_note")] == [("issued", 500)]
    assert [there["amount_remaining"] for there in _there(stripe, "invoice")] == [1500]
    assert _finish(void_and_deliver(note.pk, actor=None, reason="Taken back")) == "succeeded"
    assert [there["status"] for there in _there(stripe, "credit_note")] == ["void"]
    assert [there["amount_remaining"] for there in _there(stripe, "invoice")] == [2000]


def test_a_credit_note_on_what_is_settled_in_stripe_stands(stripe: Sandbox) -> None:
    invoice = _bill()
    line = invoice.lines.get(kind="commission")
    note, run = credit_and_deliver(invoice.pk, actor=None, reason="Goodwill", now=now(), amounts={line.pk: 500})
    assert _finish(run) == "succeeded"
    Invoice.objects.filter(pk=invoice.pk).update(status="paid")
    with pytest.raises(
        Permanent, match=f"{invoice.number} is settled in Stripe, so that {note.number} can't be voided"
    ):
        void_and_deliver(note.pk, actor=None, reason="Taken back")
    note.refresh_from_db()
    assert (note.status, note.deliveries.filter(step="stripe_void").count()) == ("finalized", 0)


def test_a_credit_note_on_all_of_an_invoice_stands(stripe: Sandbox) -> None:
    invoice = _bill()
    note, run = credit_and_deliver(invoice.pk, actor=None, reason="Wrong", now=now())
    assert _finish(run) == "succeeded"
    assert [there["status"] for there in _there(stripe, "invoice")] == ["paid"]
    with pytest.raises(Permanent, match="let it stand, and bill the month anew if more is due"):
        void_and_deliver(note.pk, actor=None, reason="Taken back")
    assert Invoice.objects.get(pk=invoice.pk).status == "credited"


@pytest.mark.parametrize(("what", "how"), [("pay", "settled"), ("mark-uncollectible", "uncollectible")])
def test_where_stripe_closed_an_invoice_unheard_its_void_credit_note_stands_again(
    stripe: Sandbox, what: str, how: str
) -> None:
    invoice = _bill()
    line = invoice.lines.get(kind="commission")
    note, run = credit_and_deliver(invoice.pk, actor=None, reason="Goodwill", now=now(), amounts={line.pk: 500})
    assert _finish(run) == "succeeded"
    _say(stripe, what)
    assert _finish(void_and_deliver(note.pk, actor=None, reason="Taken back")) == "succeeded"
    why = f"{invoice.number} is {how} in Stripe, which voids no credit note then."
    step = note.deliveries.get(step="stripe_void")
    assert (step.status, step.error) == (
        "skipped", f"{why} {note.number} stands: bill the month anew if more is due."
    )  # fmt: skip
    note.refresh_from_db()
    assert (note.status, [action.reason for action in note.actions.filter(verb="stand")]) == ("finalized", [why])
    assert [there["status"] for there in _there(stripe, "credit_note")] == ["issued"]
    invoice.refresh_from_db()
    assert (invoice.credited_before_cents, list(list_differing())) == (500, [])


def test_a_credit_note_that_stands_again_with_all_of_an_invoice_leaves_it_credited(stripe: Sandbox) -> None:
    """The answer that said so was lost: nothing here knew that Stripe had the credit note."""
    invoice = _bill()
    note, run = credit_and_deliver(invoice.pk, actor=None, reason="Wrong", now=now())
    assert _finish(run) == "succeeded"
    note.deliveries.filter(step="stripe").update(reference="", status="unknown")
    assert _finish(void_and_deliver(note.pk, actor=None, reason="Taken back")) == "succeeded"
    invoice.refresh_from_db()
    assert (invoice.status, invoice.statements.count()) == ("credited", 0)
    assert set(note.deliveries.values_list("step", "status")) >= {("stripe_void", "skipped"), ("stripe", "unknown")}


def test_what_is_void_here_and_stands_in_stripe_is_taken_over_by_the_next_credit_note(stripe: Sandbox) -> None:
    invoice = _bill()
    line = invoice.lines.get(kind="commission")
    former, run = credit_and_deliver(invoice.pk, actor=None, reason="Goodwill", now=now(), amounts={line.pk: 500})
    assert _finish(run) == "succeeded"
    _say(stripe, "pay")
    void_invoice(former.pk, actor=None, reason="Taken back")
    note, run = credit_and_deliver(invoice.pk, actor=None, reason="Wrong", now=now())
    assert _finish(retry_delivery(former.pk, actor=None)) == "failed"
    assert former.deliveries.get(step="stripe_void").error == (
        f"{invoice.number} is settled in Stripe, which voids no credit note then. {invoice.number} was credited again "
        "meanwhile: deliver that credit note, then retry."
    )
    assert [_finish(run), _finish(retry_delivery(former.pk, actor=None))] == ["succeeded", "succeeded"]
    assert sorted(str(there["amount"]) for there in _there(stripe, "credit_note")) == ["1500", "500"]
    former.refresh_from_db()
    note.refresh_from_db()
    assert (former.status, note.credited_before_cents, note.credited_after_cents) == ("void", 500, 1500)
    assert list(list_differing()) == []


def test_what_cant_be_voided_in_stripe_counts_as_an_error_of_stripes(stripe: Sandbox) -> None:
    invoice = _bill()
    (there,) = _there(stripe, "invoice")
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    httpx.post(f"{stripe.http_url}/control/stripe/invoices/{there['id']}/pay", json={}).raise_for_status()
    ended = bill(AUGUST, deliver=True)
    assert ended.items.get().step == "void"
    assert ended.summary["errors"] == {"generate": 0, "pdf": 0, "storage": 0, "stripe": 1, "email": 0}


def _say(sandbox: Sandbox, what: str, **given: int) -> None:
    """Let somebody do something about the one invoice in Stripe."""
    (there,) = _there(sandbox, "invoice")
    answer = httpx.post(f"{sandbox.http_url}/control/stripe/invoices/{there['id']}/{what}", json=given)
    assert answer.status_code == 200, answer.text


def _retry(invoice: Invoice) -> tuple[str, str]:
    status = _finish(retry_delivery(invoice.pk, actor=None))
    return status, invoice.deliveries.get(step="stripe_void").error


def _differs() -> str:
    return " ".join(describe_difference(found, found.stripe_record) for found in list_differing())


def test_a_paid_invoice_that_is_void_here_is_done_with_once_it_is_refunded(stripe: Sandbox) -> None:
    invoice = _bill()
    _say(stripe, "pay")
    void_and_deliver(invoice.pk, actor=None, reason="Wrong")
    status, error = _retry(invoice)
    (there,) = _there(stripe, "invoice")
    assert (status, error) == (
        "failed", f"{there['id']} is paid in Stripe and can't be voided there: refund it in Stripe, or credit it "
        "there if it was paid elsewhere, then retry."
    )  # fmt: skip
    assert _differs() == (
        "It is void here and was paid in Stripe. Refund it there, or credit it there if it was paid elsewhere; or "
        "bill the month again."
    )
    _say(stripe, "refund")
    assert _retry(invoice) == ("succeeded", "")
    assert _differs() == ""


def test_a_paid_invoice_that_is_void_here_is_done_with_once_a_dispute_is_lost(stripe: Sandbox) -> None:
    invoice = _bill()
    _say(stripe, "pay")
    void_and_deliver(invoice.pk, actor=None, reason="Wrong")
    assert _retry(invoice)[0] == "failed"
    _say(stripe, "dispute")
    (dispute,) = _there(stripe, "dispute")
    closed = httpx.post(f"{stripe.http_url}/control/stripe/disputes/{dispute['id']}/close", json={"status": "lost"})
    closed.raise_for_status()
    assert _retry(invoice) == ("succeeded", "")
    assert _differs() == ""
