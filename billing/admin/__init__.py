"""The staff's view of billing: invoices and what is done about them, plans, accounts, usage, numbers."""

from billing.admin import panels
from billing.admin.accounts import BillingAccountAdmin
from billing.admin.events import StripeEventAdmin
from billing.admin.invoices import InvoiceAdmin
from billing.admin.plans import MeterAdmin, PlanAdmin
from billing.admin.recorded import PaymentAdmin
from billing.admin.series import NumberSeriesAdmin
from billing.admin.usage import UsageEventAdmin, UsageHourAdmin

__all__ = [
    "BillingAccountAdmin",
    "InvoiceAdmin",
    "MeterAdmin",
    "NumberSeriesAdmin",
    "PaymentAdmin",
    "PlanAdmin",
    "StripeEventAdmin",
    "UsageEventAdmin",
    "UsageHourAdmin",
]

panels.register()
