"""Plans, usage, billing accounts, invoices and what was done to deliver them."""

from billing.models.accounts import BillingAccount
from billing.models.books import Books
from billing.models.deliveries import InvoiceDelivery
from billing.models.invoices import CommissionStatement, Invoice, InvoiceAction, InvoiceLine, NumberSeries
from billing.models.payments import Payment, StripeEvent, StripeRecord
from billing.models.plans import CommissionBracket, MeterPrice, Plan, PlanTerms
from billing.models.usage import Meter, UsageEvent, UsageHour

__all__ = [
    "BillingAccount",
    "Books",
    "CommissionBracket",
    "CommissionStatement",
    "Invoice",
    "InvoiceAction",
    "InvoiceDelivery",
    "InvoiceLine",
    "Meter",
    "MeterPrice",
    "NumberSeries",
    "Payment",
    "Plan",
    "PlanTerms",
    "StripeEvent",
    "StripeRecord",
    "UsageEvent",
    "UsageHour",
]
