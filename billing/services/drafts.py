"""An invoice while it is being computed."""

from dataclasses import dataclass, field
from typing import Any

from billing.models import Invoice
from billing.pricing import Commission, Terms
from billing.selectors.inputs import Account
from common.clock import Month

_NAMED = 3


@dataclass(slots=True)
class Line:
    """A line of a draft."""

    kind: str
    description: str
    month: Month
    amount_cents: int
    explanation: dict[str, Any]
    creator_id: int | None = None
    meter_id: int | None = None
    quantity: str = "1"


@dataclass(slots=True)
class Statement:
    """A creator's month as this draft bills it."""

    creator_id: int
    month: Month
    commission: Commission


@dataclass(slots=True)
class Draft:
    """An invoice that is computed but not issued."""

    account: Account
    terms: Terms
    terms_id: int
    month: Month
    lines: list[Line] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    subtotal_cents: int = 0
    tax_cents: int = 0
    status: str = Invoice.Status.DRAFT
    held_reason: str = ""
    id: int = 0

    @property
    def total_cents(self) -> int:
        return self.subtotal_cents + self.tax_cents

    @property
    def unpriced_meters(self) -> list[int]:
        """The ids of the meters that were used and that the plan sets no price for."""
        priced = {price.meter_id for price in self.terms.usage_prices}
        return [meter for meter, quantity in self.account.usage.items() if quantity and meter not in priced]

    @property
    def early_creators(self) -> list[str]:
        """The names of the creators whose figures are from before the month's end."""
        return [creator.name for creator in self.account.creators if creator.earnings.is_part_of(self.month)]

    @property
    def kind(self) -> str:
        return Invoice.Kind.CREDIT_NOTE if self.total_cents < 0 else Invoice.Kind.INVOICE


def describe_draft(draft: Draft) -> dict[str, Any]:
    """Summarize a draft for the ledger: what would be billed and how it compares."""
    before = draft.account.former_total_cents
    return {
        "currency": draft.account.currency,
        "total_cents": draft.total_cents,
        "lines": len(draft.lines),
        "status": draft.status,
        "held_reason": draft.held_reason,
        "former_total_cents": before,
        "invoice_id": draft.id,
    }


def describe_early(draft: Draft) -> str:
    """Say whose figures are from before the month's end; nothing where nobody's are."""
    names = draft.early_creators
    if not names:
        return ""
    others = f" and {len(names) - _NAMED:,} others" if len(names) > _NAMED else ""
    return (
        f"Figures from before the month's end: {', '.join(names[:_NAMED])}{others}. What comes later is billed as an "
        "adjustment."
    )
