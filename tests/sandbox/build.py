"""Objects that most tests of the Stripe stand-in begin with."""

from typing import Any, cast

import stripe
from stripe.params import CustomerCreateParams, InvoiceCreateParams


def customer(client: stripe.StripeClient, **values: Any) -> stripe.Customer:
    person = {"email": "billing@example.com", "name": "Studio Zoë", **values}
    return client.v1.customers.create(cast(CustomerCreateParams, person))


def draft(client: stripe.StripeClient, *amounts: int, **values: Any) -> stripe.Invoice:
    """A draft with one line for each amount, for a customer of its own unless one is given."""
    owner = values.pop("customer", None) or customer(client).id
    terms: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 14, "currency": "usd"}
    invoice = client.v1.invoices.create(cast(InvoiceCreateParams, {"customer": owner, **terms, **values}))
    for number, amount in enumerate(amounts):
        client.v1.invoice_items.create(
            {
                "customer": owner,
                "invoice": invoice.id,
                "amount": amount,
                "currency": invoice.currency,
                "description": f"Line {number}",
            }
        )
    return client.v1.invoices.retrieve(invoice.id)


def open_invoice(client: stripe.StripeClient, *amounts: int, **values: Any) -> stripe.Invoice:
    return client.v1.invoices.finalize_invoice(draft(client, *amounts, **values).id)
