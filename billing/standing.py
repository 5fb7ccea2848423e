"""What is owed of a document, as arithmetic: what was asked, paid, credited and given back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """One invoice's money, in the currency's minor unit; `lost` is the part of `disputed` that is gone for good."""

    total: int
    balance_applied: int = 0
    paid: int = 0
    refunded: int = 0
    disputed: int = 0
    lost: int = 0
    credited_before: int = 0
    credited_after: int = 0

    @property
    def remaining(self) -> int:
        """What is still to be paid."""
        return max(self.total - self.balance_applied - self.credited_before - self.paid, 0)

    @property
    def to_give_back(self) -> int:
        """What credit notes owe the customer of money received, less what a refund or the bank gave back already."""
        return max(self.credited_after - self.refunded - self.lost, 0)


@dataclass(frozen=True, slots=True)
class Split:
    """How a credit note takes its amount back: off what is open, as given back before, or as credit for later."""

    before: int
    returned: int
    credit: int

    @property
    def after(self) -> int:
        return self.returned + self.credit


def split_credit(amount: int, remaining: int, returned: int) -> Split:
    """Split a credit note's amount: first off what remains to be paid, then against money that went back already.

    `returned` is what was refunded or lost to the bank and no other credit note stands for yet. The rest is credit of
    the customer's.
    """
    before = min(amount, max(remaining, 0))
    covered = min(amount - before, max(returned, 0))
    return Split(before, covered, amount - before - covered)


def split_again(before: int, after: int, unpaid: int) -> tuple[int, int]:
    """Split what credit notes took back once more, where less came in than they counted on: a payment was reversed.

    `unpaid` is what would still be to be paid without them. They take it off first, and give back only the rest.
    """
    credited = before + after
    after = min(after, max(credited - max(unpaid, 0), 0))
    return credited - after, after
