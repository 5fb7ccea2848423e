"""Amounts on Stripe's wire, for every currency that we accept: what people read there is what our books say."""

from decimal import Decimal

import pytest

from billing.models import Invoice, InvoiceDelivery, StripeRecord
from billing.providers.stripe_amounts import from_wire, most_cents, to_wire
from billing.services.correcting import credit_invoice
from billing.services.delivering import deliver_stripe
from billing.services.delivering.claims import Parcel
from common.errors import Permanent
from common.money import CURRENCIES, minor_digits, smallest_charge, to_cents
from sandbox.stripe.amounts import CURRENCIES as STRIPES
from sandbox.stripe.amounts import check_amount, write
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.events import happen, hear
from tests.factories.holders import hold
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.outside import Outside

# Five units of each kind of currency, as Stripe's page on currencies says to send them.
FIVE = {
    "USD": 500,
    "EUR": 500,
    "HUF": 500,
    "TWD": 500,
    "JPY": 5,
    "XPF": 5,
    "MGA": 5,
    "ISK": 500,
    "UGX": 500,
    "KWD": 5_000,
}


def test_we_accept_what_stripe_bills_in() -> None:
    assert {code.lower() for code in CURRENCIES} == STRIPES


@pytest.mark.parametrize(("currency", "amount"), FIVE.items())
def test_five_units_are_sent_as_stripe_says(currency: str, amount: int) -> None:
    cents = to_cents(Decimal(5), currency)
    assert to_wire(cents, currency) == amount
    assert from_wire(amount, currency.lower()) == cents


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_what_is_sent_reads_the_same_there_and_comes_back(currency: str) -> None:
    """By the stand-in's own table, which knows nothing of ours."""
    for units in (1, 7, 122_468):
        cents = units * smallest_charge(currency)
        amount = to_wire(cents, currency)
        check_amount(amount, currency.lower(), "amount")
        assert write(amount, currency.lower()) == (
            f"{Decimal(cents).scaleb(-minor_digits(currency)):,.{minor_digits(currency)}f} {currency}"
        )
        assert from_wire(amount, currency) == cents
        assert to_wire(-cents, currency) == -amount
    assert to_wire(most_cents(currency) // 10 * 10, currency) <= 99_999_999


@pytest.mark.parametrize("currency", ["BHD", "JOD", "KWD", "OMR", "TND"])
def test_a_thousandth_is_not_sent(currency: str) -> None:
    with pytest.raises(Permanent) as caught:
        to_wire(12_345, currency)
    assert caught.value.message == f"Stripe can't charge {currency} 12.345: the last digit must be 0."


@pytest.mark.parametrize("currency", ["ISK", "UGX"])
def test_decimals_that_a_currency_has_not_are_not_read(currency: str) -> None:
    with pytest.raises(ValueError, match="which the currency has not"):
        from_wire(122_468, currency)


@pytest.mark.django_db
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("currency", "total", "amount", "reads"),
    [
        ("USD", 122_468, 122_468, "1,224.68 USD"),
        ("JPY", 122_468, 122_468, "122,468 JPY"),
        ("UGX", 122_468, 12_246_800, "122,468 UGX"),
        ("ISK", 122_468, 12_246_800, "122,468 ISK"),
        ("KWD", 122_460, 122_460, "122.460 KWD"),
    ],
)
def test_an_invoice_its_payment_and_what_goes_back(
    wired: Outside, currency: str, total: int, amount: int, reads: str
) -> None:
    organization = make_organization(make_plan(currency=currency, base_fee_cents=22_460), currency=currency)
    earn(make_creator(organization), AUGUST, (total - 22_460) * 5, currency=currency)
    invoice = make_invoice(organization)
    assert invoice.total_cents == total
    deliver_stripe(Parcel(invoice.pk, hold()))
    (there,) = wired.list_objects("invoice")
    assert (there["status"], there["total"], write(there["total"], currency.lower())) == ("open", amount, reads)

    line = invoice.lines.get(kind="base_fee")
    note = credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts={line.pk: 2_460})
    deliver_stripe(Parcel(note.pk, hold(key="note")))
    (credited,) = wired.list_objects("credit_note")
    assert credited["amount"] == 2_460 * amount // total

    happen(wired, there["id"], "pay")
    happen(wired, there["id"], "refund", amount=20_000 * amount // total)
    happen(wired, there["id"], "dispute", amount=100_000 * amount // total)
    hear(wired)
    seen = StripeRecord.objects.get(invoice=invoice)
    assert (seen.amount_paid_cents, seen.refunded_cents, seen.disputed_cents) == (total - 2_460, 20_000, 100_000)
    assert InvoiceDelivery.objects.filter(error="").count() == 2
    assert Invoice.objects.get(pk=invoice.pk).status == "paid"
