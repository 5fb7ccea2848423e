"""Billing's jobs."""

from billing.jobs.delivery import DeliverInvoices
from billing.jobs.events import ProcessStripeEvents, RepairStripeEvents
from billing.jobs.monthly import MonthlyBilling
from billing.jobs.recording import RecordIssuedInvoices
from billing.jobs.summary import BillingSummary
from billing.jobs.usage import HourlyUsage

__all__ = [
    "BillingSummary",
    "DeliverInvoices",
    "HourlyUsage",
    "MonthlyBilling",
    "ProcessStripeEvents",
    "RecordIssuedInvoices",
    "RepairStripeEvents",
]
