"""Creators and what they earned, in the admin."""

from onlyfans.admin.creators import CreatorAccountAdmin
from onlyfans.admin.earnings import EarningsAggregateAdmin
from onlyfans.admin.results import ResultFileAdmin
from onlyfans.admin.revisions import EarningsRevisionAdmin, UnmatchedAggregateAdmin
from onlyfans.admin.transactions import EarningsTransactionAdmin

__all__ = [
    "CreatorAccountAdmin",
    "EarningsAggregateAdmin",
    "EarningsRevisionAdmin",
    "EarningsTransactionAdmin",
    "ResultFileAdmin",
    "UnmatchedAggregateAdmin",
]
