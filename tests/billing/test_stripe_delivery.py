"""One invoice to Stripe, with whatever can go wrong at each call: one there in the end, and nothing done twice."""

from typing import Any

import httpx
import pytest
from pytest_django import Settings

from billing.models import BillingAccount, Invoice, InvoiceDelivery, InvoiceLine
from billing.providers import stripe as provider
from billing.services import pacing
from billing.services.books import identify
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.delivering import deliver_stripe, deliver_stripe_void
from billing.services.delivering.claims import Parcel
from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable, WorkError
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.holders import hold
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.outside import STRIPE_KEY, Outside

pytestmark = pytest.mark.django_db

PATHS = {
    "customer": r"/v1/customers$",
    "create": r"/v1/invoices$",
    "lines": r"/v1/invoices/\w+/add_lines$",
    "finalize": r"/v1/invoices/\w+/finalize$",
}
CALLS = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)


def attempt(invoice: Invoice, token: int = 1, what: Any = deliver_stripe) -> WorkError | None:
    try:
        what(Parcel(invoice.pk, hold(token)))
    except WorkError as error:
        return error
    return None


def insist(invoice: Invoice, what: Any = deliver_stripe, times: int = 4) -> list[str]:
    """Try until it is done, as the engine would; return the kinds of what went wrong on the way."""
    failures: list[str] = []
    for token in range(1, times + 1):
        error = attempt(invoice, token, what)
        if error is None:
            return failures
        failures.append(error.kind)
    raise AssertionError(failures)


def delivery(invoice: Invoice, step: str = "stripe") -> InvoiceDelivery:
    return invoice.deliveries.get(step=step)


def check_one_there(outside: Outside, invoice: Invoice) -> None:
    """One customer and one open invoice, with our lines and our total."""
    (customer,) = outside.list_objects("customer")
    (found,) = outside.list_objects("invoice")
    assert (found["status"], found["total"], found["number"]) == ("open", invoice.total_cents, invoice.number)
    assert (found["customer"], found["auto_advance"]) == (customer["id"], False)
    assert found["metadata"] == {"huntaze_document": str(identify(invoice))}
    lines = outside.list_objects("line_item")
    assert sorted((line["metadata"]["huntaze_line"], line["amount"]) for line in lines) == sorted(
        (str(line.position), line.amount_cents) for line in invoice.lines.all()
    )
    assert BillingAccount.objects.get(organization=invoice.organization).stripe_customer_id == customer["id"]
    row = delivery(invoice)
    assert (row.status, row.reference, row.error) == ("done", found["id"], "")
    assert row.detail["url"].startswith(outside.stripe_url)


def test_an_invoice_as_it_should_go(wired: Outside) -> None:
    invoice = make_invoice(tax_rate_bps=1_900)
    assert attempt(invoice) is None
    check_one_there(wired, invoice)
    asked = [(request["method"], request["path"].split("/")[-1]) for request in wired.list_requests(service="stripe")]
    assert asked == [
        ("GET", "customers"), ("POST", "customers"), ("POST", "invoices"), ("POST", "add_lines"), ("POST", "finalize"),
    ]  # fmt: skip
    keys = [request["key"] for request in wired.list_requests(service="stripe", method="POST")]
    assert len(set(keys)) == 4
    assert None not in keys


def test_done_is_done(wired: Outside) -> None:
    invoice = make_invoice()
    attempt(invoice)
    asked = len(wired.list_requests())
    assert attempt(invoice, 2) is None
    assert attempt(invoice, 1) is None
    assert len(wired.list_requests()) == asked
    assert delivery(invoice).attempts == 1


@CALLS
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 429}, "retryable"),
        ({"status": 409}, "retryable"),
        ({"status": 500}, "unknown"),
        ({"status": 500, "effect": True}, "unknown"),
        ({"action": "close_before"}, "unknown"),
        ({"action": "close_after"}, "unknown"),
        ({"action": "garbage"}, "unknown"),
        ({"status": 400}, "permanent"),
        ({"status": 402}, "permanent"),
        ({"status": 402, "effect": True}, "permanent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_a_failure_that_passes_leaves_no_trace(wired: Outside, path: str, fault: dict[str, Any], kind: str) -> None:
    """Also one that Stripe remembers: with the same idempotency key it would answer the same for a day."""
    invoice = make_invoice(tax_rate_bps=1_900)
    wired.fail("stripe", path, method="POST", **fault)
    assert insist(invoice) == [kind]
    check_one_there(wired, invoice)
    assert delivery(invoice).attempts == 2


@CALLS
@pytest.mark.parametrize("action", ["hang_before", "hang_after"])
def test_a_time_out_leaves_no_trace(wired: Outside, path: str, action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_TIMEOUT_SECONDS", 0.3)
    pacing._gateway.cache_clear()
    invoice = make_invoice()
    wired.fail("stripe", path, action, method="POST")
    assert insist(invoice) == ["unknown"]
    pacing._gateway.cache_clear()
    check_one_there(wired, invoice)


@CALLS
@pytest.mark.parametrize("action", ["close_before", "close_after"])
def test_keys_that_stripe_forgot_are_not_missed(wired: Outside, path: str, action: str) -> None:
    """A day later the key protects nothing any more: looking comes first."""
    invoice = make_invoice()
    wired.fail("stripe", path, action, method="POST")
    assert isinstance(attempt(invoice), OutcomeUnknown)
    assert delivery(invoice).status == "unknown"
    wired.control("POST", "/stripe/forget-keys")
    assert attempt(invoice, 2) is None
    check_one_there(wired, invoice)


@CALLS
def test_a_worker_that_died_after_the_call(wired: Outside, path: str) -> None:
    """It wrote nothing down: the row still says that it is at it, and the keys are forgotten."""
    invoice = make_invoice()
    wired.fail("stripe", path, "close_after", method="POST")
    attempt(invoice)
    InvoiceDelivery.objects.update(status="running", reference="", error="", detail={})
    BillingAccount.objects.update(stripe_customer_id="")
    wired.control("POST", "/stripe/forget-keys")
    assert attempt(invoice, 2) is None
    check_one_there(wired, invoice)


def test_while_stripe_can_not_be_looked_at_nothing_is_called(wired: Outside) -> None:
    invoice = make_invoice()
    wired.fail("stripe", PATHS["create"], "close_after", method="POST")
    assert isinstance(attempt(invoice), OutcomeUnknown)
    wired.fail("stripe", PATHS["create"], method="GET", status=500)
    posts = len(wired.list_requests(method="POST"))
    error = attempt(invoice, 2)
    assert isinstance(error, Retryable)
    assert len(wired.list_requests(method="POST")) == posts
    assert attempt(invoice, 3) is None
    check_one_there(wired, invoice)


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ({"status": 402, "body": {"message": "Your account cannot do this."}}, Permanent,
         "Stripe refused the request (402): Your account cannot do this."),
        ({"status": 429}, Retryable, "Stripe asked us to slow down (429)."),
        ({"status": 409}, Retryable, "Stripe is still busy with the same request."),
        ({"status": 503}, OutcomeUnknown, "Stripe failed on its side (503)."),
        ({"status": 401}, Misconfigured, "Stripe refuses the API key: set STRIPE_API_KEY to a valid one."),
        ({"status": 403}, Misconfigured, "Stripe refuses the API key: set STRIPE_API_KEY to a valid one."),
        ({"action": "close_after"}, OutcomeUnknown, "Stripe did not answer in time, or the connection broke."),
    ],
)  # fmt: skip
def test_each_failure_says_what_it_is(
    wired: Outside, fault: dict[str, Any], kind: type[WorkError], message: str
) -> None:
    invoice = make_invoice()
    wired.fail("stripe", PATHS["create"], method="POST", **fault)
    error = attempt(invoice)
    assert isinstance(error, kind)
    assert error.message == delivery(invoice).error == message
    assert delivery(invoice).status == ("unknown" if kind is OutcomeUnknown else "failed")


def test_neither_key_nor_secret_appears_anywhere(
    wired: Outside, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    settings.STRIPE_API_KEY = "sk_test_invalid_secret9f3e"
    invoice = make_invoice()
    error = attempt(invoice)
    assert isinstance(error, Misconfigured)
    settings.STRIPE_API_KEY = STRIPE_KEY
    wired.fail("stripe", PATHS["create"], method="POST")
    insist(invoice)
    said = [str(error), caplog.text, str(list(InvoiceDelivery.objects.values())), repr(pacing.open_stripe())]
    for secret in ("9f3e", STRIPE_KEY, STRIPE_KEY[-8:]):
        assert not any(secret in text for text in said)


def test_without_a_key_nothing_is_tried(wired: Outside, settings: Settings) -> None:
    settings.STRIPE_API_KEY = ""
    error = attempt(make_invoice())
    assert isinstance(error, Misconfigured)
    assert error.message == "STRIPE_API_KEY is not set."
    assert wired.list_requests() == []


def test_an_organization_without_an_address_is_not_made_a_customer(wired: Outside) -> None:
    invoice = make_invoice()
    organization = invoice.organization
    organization.email = ""
    organization.save()
    error = attempt(invoice)
    assert isinstance(error, Permanent)
    assert "has no e-mail address, which Stripe needs" in error.message
    assert wired.list_requests() == []
    organization.email = "billing@example.test"
    organization.save()
    assert attempt(invoice, 2) is None
    check_one_there(wired, invoice)


def test_a_draft_that_somebody_changed_is_not_finalized(wired: Outside) -> None:
    invoice = make_invoice()
    wired.fail("stripe", PATHS["finalize"], method="POST")
    attempt(invoice)
    draft = delivery(invoice).reference
    values = {"invoice": draft, "amount": "7", "currency": "usd"}
    values["customer"] = BillingAccount.objects.get().stripe_customer_id
    httpx.post(
        f"{wired.stripe_url}/v1/invoiceitems", headers={"Authorization": "Bearer sk_test_1"}, data=values
    ).raise_for_status()
    error = attempt(invoice, 2)
    assert isinstance(error, Permanent)
    assert error.message == (
        f"Stripe's draft {draft} has 3 lines and USD 210.07; ours has 2 lines and USD 210.00. "
        "Delete the draft in Stripe, then retry."
    )
    assert [found["status"] for found in wired.list_objects("invoice")] == ["draft"]


def test_an_invoice_of_many_lines_is_shown_by_kind(wired: Outside) -> None:
    organization = make_organization(make_plan(base_fee_cents=500), account={"max_lines": 1_000, "tax_rate_bps": 1_000})
    for _ in range(205):
        earn(make_creator(organization), AUGUST, 1_000)
    invoice = make_invoice(organization)
    assert attempt(invoice) is None
    (found,) = wired.list_objects("invoice")
    assert (found["status"], found["total"]) == ("open", (500 + 205 * 200) * 11 // 10)
    assert sorted((line["description"], line["amount"]) for line in wired.list_objects("line_item")) == [
        ("Base fee (1 lines)", 500),
        ("Commission (205 lines)", 41_000),
        ("Tax (1 lines)", 4_150),
    ]


def test_a_zero_invoice_and_a_negative_one_go_there_too(wired: Outside) -> None:
    organization = make_organization(make_plan(issue_zero_invoices=True))
    creator = make_creator(organization)
    zero = make_invoice(organization)
    assert attempt(zero) is None
    earn(creator, AUGUST.plus(1), 10_000)
    assert attempt(make_invoice(organization, AUGUST.plus(1))) is None
    earn(creator, AUGUST.plus(1), 4_000)
    note = make_invoice(organization, AUGUST.plus(2))
    assert (note.kind, note.total_cents) == ("credit_note", -1_200)
    assert attempt(note) is None
    found = wired.list_objects("invoice")
    assert [(one["total"], one["status"]) for one in found] == [(0, "paid"), (2_000, "open"), (-1_200, "paid")]


FAULTS = pytest.mark.parametrize(
    "fault",
    [None, {"status": 500}, {"status": 500, "effect": True}, {"status": 402}, {"status": 429},
     {"action": "close_before"}, {"action": "close_after"}],
    ids=lambda fault: "-".join(map(str, fault.values())) if fault else "none",
)  # fmt: skip


@FAULTS
def test_a_void_reaches_stripe_once(wired: Outside, fault: dict[str, Any] | None) -> None:
    invoice = make_invoice()
    attempt(invoice)
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    if fault:
        wired.fail("stripe", r"/v1/invoices/\w+/void$", method="POST", **fault)
    insist(invoice, deliver_stripe_void)
    assert [found["status"] for found in wired.list_objects("invoice")] == ["void"]
    row = delivery(invoice, "stripe_void")
    assert (row.status, row.error) == ("done", "")
    assert attempt(invoice, 9, deliver_stripe_void) is None


@pytest.mark.parametrize("path", [PATHS["create"], PATHS["finalize"]], ids=["create", "finalize"])
def test_a_void_finds_what_nobody_knows_of(wired: Outside, path: str) -> None:
    """The invoice got there, the answer did not: an open one is voided, a draft asks nobody for money."""
    invoice = make_invoice()
    wired.fail("stripe", path, "close_after", method="POST")
    attempt(invoice)
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    insist(invoice, deliver_stripe_void)
    (found,) = wired.list_objects("invoice")
    assert found["status"] == ("draft" if path == PATHS["create"] else "void")


@FAULTS
def test_a_credit_note_reaches_stripe_once(wired: Outside, fault: dict[str, Any] | None) -> None:
    invoice = make_invoice()
    attempt(invoice)
    line = invoice.lines.get(kind="base_fee")
    note = credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts={line.pk: 123})
    if fault:
        wired.fail("stripe", "/v1/credit_notes$", method="POST", **fault)
    insist(note)
    (made,) = wired.list_objects("credit_note")
    assert (made["amount"], made["invoice"], made["metadata"]["huntaze_document"]) == (
        123, delivery(invoice).reference, str(identify(note)),
    )  # fmt: skip
    assert delivery(note).reference == made["id"]


def test_a_credit_note_of_what_is_not_in_stripe_stays_here(wired: Outside) -> None:
    note = credit_invoice(make_invoice().pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert attempt(note) is None
    assert wired.list_requests() == []
    assert (delivery(note).status, delivery(note).error) == (
        "skipped",
        f"{note.corrects} was credited in full before it reached Stripe: nothing is due there.",
    )


@pytest.mark.parametrize("name", ["create", "lines"])
def test_a_credit_note_follows_an_invoice_that_is_half_there(wired: Outside, name: str) -> None:
    invoice = make_invoice()
    wired.fail("stripe", PATHS[name], "close_after", method="POST")
    attempt(invoice)
    line = invoice.lines.get(kind="commission")
    note = credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT, amounts={line.pk: 5_000})
    assert attempt(note) is None
    assert (delivery(note).status, delivery(note).error) == (
        "skipped",
        f"{invoice} has not reached Stripe: this follows it there.",
    )
    assert attempt(invoice, 2) is None
    assert [made["amount"] for made in wired.list_objects("credit_note")] == [5_000]
    assert [made["amount_remaining"] for made in wired.list_objects("invoice")] == [invoice.total_cents - 5_000]
    assert (delivery(note).status, delivery(note).error) == ("done", "")


@pytest.mark.parametrize("name", ["create", "lines"])
def test_what_is_credited_in_full_before_it_is_due_in_stripe_is_not_opened_there(wired: Outside, name: str) -> None:
    invoice = make_invoice()
    wired.fail("stripe", PATHS[name], "close_after", method="POST")
    attempt(invoice)
    note = credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert attempt(note) is None
    assert attempt(invoice, 2) is None
    assert (wired.list_objects("invoice"), wired.list_objects("credit_note")) == ([], [])
    assert (delivery(invoice).status, delivery(note).status) == ("skipped", "skipped")


def test_a_credit_note_finds_an_invoice_that_nobody_knows_of(wired: Outside) -> None:
    invoice = make_invoice()
    wired.fail("stripe", PATHS["finalize"], "close_after", method="POST")
    attempt(invoice)
    InvoiceDelivery.objects.update(reference="")
    note = credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert attempt(note) is None
    assert [made["amount"] for made in wired.list_objects("credit_note")] == [invoice.total_cents]


def test_a_credit_note_on_a_paid_invoice_goes_to_the_balance(wired: Outside) -> None:
    invoice = make_invoice()
    attempt(invoice)
    httpx.post(
        f"{wired.stripe_url}/v1/invoices/{delivery(invoice).reference}/pay",
        headers={"Authorization": "Bearer sk_test_1"},
        data={"paid_out_of_band": "true"},
    ).raise_for_status()
    note = credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT)
    assert attempt(note) is None
    (customer,) = wired.list_objects("customer")
    assert customer["balance"] == -invoice.total_cents


def test_lines_are_compared_by_what_they_are(wired: Outside) -> None:
    invoice = make_invoice()
    attempt(invoice)
    marks = {line["metadata"]["huntaze_line"] for line in wired.list_objects("line_item")}
    assert marks == set(map(str, InvoiceLine.objects.filter(invoice=invoice).values_list("position", flat=True)))
