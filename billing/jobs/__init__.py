"""Billing's jobs."""

from billing.jobs.monthly import MonthlyBilling
from billing.jobs.usage import HourlyUsage

__all__ = ["HourlyUsage", "MonthlyBilling"]
