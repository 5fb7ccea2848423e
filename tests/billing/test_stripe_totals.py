"""What Stripe itself would add to an invoice or take off it: nothing is finalized that asks for another total."""

import httpx
import pytest

from billing.models import BillingAccount, Invoice, InvoiceDelivery
from billing.services.delivering import deliver_stripe
from billing.services.delivering.claims import Parcel
from common.errors import Permanent, WorkError
from tests.factories.billing import AUGUST, earn
from tests.factories.holders import hold
from tests.factories.invoices import make_invoice
from tests.outside import STRIPE_KEY, Outside

pytestmark = pytest.mark.django_db
TOTAL = 21_000


def attempt(invoice: Invoice, token: int = 1) -> WorkError | None:
    try:
        deliver_stripe(Parcel(invoice.pk, hold(token)))
    except WorkError as error:
        return error
    return None


def start(wired: Outside) -> tuple[Invoice, str]:
    """Leave a draft with our lines in Stripe, not finalized."""
    invoice = make_invoice()
    wired.fail("stripe", r"/v1/invoices/\w+/finalize$", method="POST", status=429)
    assert attempt(invoice) is not None
    return invoice, InvoiceDelivery.objects.get(invoice=invoice).reference


def edit(wired: Outside, path: str, **form: str) -> None:
    headers = {"Authorization": f"Bearer {STRIPE_KEY}"}
    httpx.post(f"{wired.stripe_url}/v1/{path}", headers=headers, data=form).raise_for_status()


def states(wired: Outside) -> list[tuple[str, int]]:
    return [(found["status"], found["total"]) for found in wired.list_objects("invoice")]


def test_a_customers_discount_is_not_inherited(wired: Outside) -> None:
    """It would have been taken off silently: Stripe gives new invoices the customer's discount unless told not to."""
    first = make_invoice()
    assert attempt(first) is None
    (customer,) = wired.list_objects("customer")
    wired.control("POST", f"/stripe/customers/{customer['id']}/discount", percent_off=10)
    earn(first.organization.creators.get(), AUGUST.plus(1), 100_000)
    second = make_invoice(first.organization, AUGUST.plus(1))
    assert attempt(second) is None
    assert states(wired) == [("open", TOTAL), ("open", TOTAL)]


def test_automatic_tax_is_switched_off_when_a_draft_is_made(wired: Outside) -> None:
    wired.control("PUT", "/stripe/tax", percent=20)
    assert attempt(make_invoice()) is None
    assert states(wired) == [("open", TOTAL)]
    (asked,) = wired.list_requests(method="POST", path="/v1/invoices$")
    assert (asked["params"]["automatic_tax[enabled]"], asked["params"]["discounts"]) == ("false", "")


def test_automatic_tax_that_somebody_switched_on_is_not_finalized(wired: Outside) -> None:
    invoice, draft = start(wired)
    wired.control("PUT", "/stripe/tax", percent=20)
    edit(wired, f"invoices/{draft}", **{"automatic_tax[enabled]": "true"})
    error = attempt(invoice, 2)
    assert isinstance(error, Permanent)
    assert error.message == (
        f"Stripe's draft {draft} comes to USD 252.00 (with USD 42.00 of automatic tax and USD 0.00 of discounts), ours "
        "to USD 210.00. It was not finalized: take tax and discounts off the draft in Stripe, then retry."
    )
    assert states(wired) == [("draft", 25_200)]
    edit(wired, f"invoices/{draft}", **{"automatic_tax[enabled]": "false"})
    assert attempt(invoice, 3) is None
    assert states(wired) == [("open", TOTAL)]


def test_a_discount_on_the_draft_is_not_finalized(wired: Outside) -> None:
    invoice, draft = start(wired)
    wired.control("POST", f"/stripe/invoices/{draft}/discount", percent_off=10)
    error = attempt(invoice, 2)
    assert isinstance(error, Permanent)
    assert "comes to USD 189.00 (with USD 0.00 of automatic tax and USD 21.00 of discounts), ours to USD 210.00" in (
        error.message
    )
    assert states(wired) == [("draft", 18_900)]
    edit(wired, f"invoices/{draft}", discounts="")
    assert attempt(invoice, 3) is None
    assert states(wired) == [("open", TOTAL)]


def test_what_was_added_between_the_lines_is_seen_too(wired: Outside) -> None:
    """The draft is there without lines: they are added, and the draft's own total comes with them."""
    invoice = make_invoice()
    wired.fail("stripe", r"/v1/invoices/\w+/add_lines$", method="POST", status=429)
    assert attempt(invoice) is not None
    draft = InvoiceDelivery.objects.get(invoice=invoice).reference
    wired.control("POST", f"/stripe/invoices/{draft}/discount", percent_off=50)
    assert isinstance(attempt(invoice, 2), Permanent)
    assert states(wired) == [("draft", 10_500)]
    assert BillingAccount.objects.get().stripe_customer_id
