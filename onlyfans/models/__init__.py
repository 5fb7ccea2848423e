"""Creator accounts, what they earned, month by month, and the result files that tell of them."""

from onlyfans.models.creators import CreatorAccount
from onlyfans.models.earnings import EarningsAggregate
from onlyfans.models.pulls import EarningsPull, EarningsTransaction
from onlyfans.models.results import CreatorFigures, ResultFile
from onlyfans.models.revisions import EarningsRevision, UnmatchedAggregate

__all__ = [
    "CreatorAccount",
    "CreatorFigures",
    "EarningsAggregate",
    "EarningsPull",
    "EarningsRevision",
    "EarningsTransaction",
    "ResultFile",
    "UnmatchedAggregate",
]
