"""Creators and what they earned, in the admin."""

from onlyfans.admin.creators import CreatorAccountAdmin
from onlyfans.admin.earnings import EarningsAggregateAdmin

__all__ = ["CreatorAccountAdmin", "EarningsAggregateAdmin"]
