"""Creator accounts and what they earned, month by month."""

from onlyfans.models.creators import CreatorAccount
from onlyfans.models.earnings import EarningsAggregate

__all__ = ["CreatorAccount", "EarningsAggregate"]
