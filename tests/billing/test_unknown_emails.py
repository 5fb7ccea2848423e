"""An e-mail of which nobody knows whether it went out: sent again under the same Message-ID, or left to a person."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from billing.models import Invoice, InvoiceDelivery
from billing.services.delivering import deliver_email
from billing.services.delivering.claims import Parcel
from billing.services.resending import settle_email
from common.errors import OutcomeUnknown, Permanent
from sandbox.server import Sandbox, run
from tests.factories.holders import hold
from tests.factories.invoices import make_invoice, store_pdf

pytestmark = pytest.mark.django_db


@pytest.fixture
def mail(settings: Settings) -> Iterator[Sandbox]:
    """A mail server that keeps the first message and then cuts the connection."""
    with run() as sandbox:
        settings.EMAIL_HOST, settings.EMAIL_PORT = sandbox.smtp_host, sandbox.smtp_port
        rule = {"match": "*", "stage": "data", "action": "drop_after", "times": 1}
        httpx.post(f"{sandbox.http_url}/control/mail/rules", json=rule).raise_for_status()
        yield sandbox


@pytest.fixture
def invoice(mail: Sandbox) -> Invoice:
    """An invoice whose e-mail ended nobody knows how."""
    invoice = make_invoice()
    store_pdf(invoice)
    with pytest.raises(OutcomeUnknown):
        deliver_email(Parcel(invoice.pk, hold()))
    return invoice


def _inbox(mail: Sandbox) -> list[tuple[str, int]]:
    found: list[dict[str, Any]] = httpx.get(f"{mail.http_url}/control/mail/messages").json()["messages"]
    return [(message["message_id"], message["times_received"]) for message in found]


def _delivery(invoice: Invoice) -> InvoiceDelivery:
    return invoice.deliveries.get(step=InvoiceDelivery.Step.EMAIL)


def test_resends_under_the_same_message_id(mail: Sandbox, invoice: Invoice) -> None:
    assert _delivery(invoice).status == "unknown"
    deliver_email(Parcel(invoice.pk, hold(2)))
    assert _delivery(invoice).status == "done"
    assert _inbox(mail) == [(_delivery(invoice).reference, 2)]


def test_holds_until_a_person_decides(mail: Sandbox, invoice: Invoice, settings: Settings) -> None:
    settings.INVOICE_EMAIL_UNKNOWN = "hold"
    for token in (2, 3):
        with pytest.raises(Permanent, match="It is not known whether this e-mail went out"):
            deliver_email(Parcel(invoice.pk, hold(token)))
        assert _delivery(invoice).status == "unknown"
    assert _inbox(mail) == [(_delivery(invoice).reference, 1)]


def test_sends_a_held_one_again_where_a_person_says_so(mail: Sandbox, invoice: Invoice, settings: Settings) -> None:
    settings.INVOICE_EMAIL_UNKNOWN = "hold"
    settle_email(_delivery(invoice).pk, was_sent=False, actor=None, reason="The customer has nothing")
    deliver_email(Parcel(invoice.pk, hold(2)))
    assert _delivery(invoice).status == "done"
    assert _inbox(mail) == [(_delivery(invoice).reference, 2)]


def test_sends_nothing_where_a_person_says_that_it_went_out(
    mail: Sandbox, invoice: Invoice, settings: Settings
) -> None:
    settings.INVOICE_EMAIL_UNKNOWN = "hold"
    settle_email(_delivery(invoice).pk, was_sent=True, actor=None, reason="The customer has it")
    deliver_email(Parcel(invoice.pk, hold(2)))
    assert _delivery(invoice).status == "done"
    assert _inbox(mail) == [(_delivery(invoice).reference, 1)]
