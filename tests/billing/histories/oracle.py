"""What customers owe, computed from what was agreed and done, in whole numbers: nothing of the program is used here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# Stripe reads these currencies in other units than ours: our amount times this.
WIRE = {"UGX": 100}
# The smallest amount that can be charged, where it is not 1, and the decimals, where they are not 2.
LEAST = {"KWD": 10}
DECIMALS = {"JPY": 0, "UGX": 0, "KWD": 3}


def round_half_even(numerator: int, denominator: int, step: int = 1) -> int:
    """Divide, and round half to even to a multiple of a step."""
    whole, rest = divmod(numerator, denominator * step)
    twice = 2 * rest
    if twice > denominator * step or (twice == denominator * step and whole % 2):
        whole += 1
    return whole * step


def write_money(cents: int, currency: str) -> str:
    """Write an amount as people read it, such as `USD 1,234.50`."""
    digits = DECIMALS.get(currency, 2)
    whole, rest = divmod(abs(cents), 10**digits)
    return f"{'-' if cents < 0 else ''}{currency} {whole:,}" + (f".{rest:0{digits}}" if digits else "")


@dataclass
class Agreement:
    """What was agreed with a customer."""

    currency: str = "USD"
    brackets: tuple[tuple[int, int], ...] = ((0, 2000),)
    base_fee: int = 0
    minimum: int = 0
    maximum: int | None = None
    by_net: bool = False
    tax_bps: int = 0
    unit_price: int = 0
    included: int = 0

    @property
    def step(self) -> int:
        return LEAST.get(self.currency, 1)

    def tax(self, subtotal: int) -> int:
        """Compute the tax on a sum."""
        return round_half_even(subtotal * self.tax_bps, 10_000, self.step)

    def charge(self, basis: int) -> int:
        """Compute the commission on a basis."""
        if basis <= 0:
            return 0
        edges = [*[start for start, _ in self.brackets[1:]], None]
        parts = 0
        for (start, bps), end in zip(self.brackets, edges, strict=True):
            top = basis if end is None else min(basis, end)
            parts += max(top - start, 0) * bps
        charged = max(round_half_even(parts, 10_000, self.step), self.minimum)
        return charged if self.maximum is None else min(charged, self.maximum)

    def commissions[Month](self, billed: Iterable[Month], earned: Mapping[Month, int]) -> dict[Month, int]:
        """Compute the commission of consecutive months; each carries the deficit of the one before."""
        found, deficit = {}, 0
        for month in billed:
            basis = earned.get(month, 0) + deficit
            found[month], deficit = self.charge(basis), min(basis, 0)
        return found

    def usage(self, quantity: int) -> int:
        """Compute the price of what was used."""
        return round_half_even(max(quantity - self.included, 0) * self.unit_price, 1, self.step)


@dataclass
class Document:
    """A document outside Stripe, with the money that moved for it."""

    total: int
    corrects: str = ""
    applied: int = 0
    paid: int = 0
    refunded: int = 0
    credited: int = 0
    is_void: bool = False

    @property
    def is_credited(self) -> bool:
        return bool(self.credited) and self.credited == self.total

    @property
    def is_live(self) -> bool:
        return not self.is_void and not self.is_credited

    @property
    def asked(self) -> int:
        """What the customer is asked for now."""
        return max(self.total - self.applied - self.credited - self.paid, 0) if self.is_live and self.total > 0 else 0

    @property
    def surplus(self) -> int:
        """What it adds to the customer's credit; of a credit note, the invoice that it corrects says so."""
        if self.corrects and self.total < 0:
            return 0
        worth = 0 if self.is_void else self.total - max(self.credited, 0)
        return self.paid - self.refunded - worth + self.asked


@dataclass
class Ledger:
    """One customer's documents outside Stripe, by number, as the deeds of people leave them."""

    documents: dict[str, Document] = field(default_factory=dict)
    # While a run and people act at the same time, each credit that the next invoice may have found.
    credits: set[int] | None = None
    # Each amount that was ever asked for, by number.
    ever_asked: dict[str, set[int]] = field(default_factory=dict)

    @property
    def credit(self) -> int:
        return sum(document.surplus for document in self.documents.values())

    def issue(self, number: str, total: int, corrects: str, applied: int) -> None:
        """Enter a document: an invoice uses the customer's credit, a credit note takes its amount off another's.

        Where the order of what happened is unknown, `applied` says which credit the invoice found.
        """
        document = self.documents[number] = Document(total, corrects)
        if corrects:
            self.documents[corrects].credited -= total
        if total > 0:
            # As long as nothing is applied, the document itself adds nothing.
            credit = self.credit
            found = {min(total, one) for one in self.credits or ()}
            document.applied = applied if applied in found else min(total, credit)

    def void(self, number: str) -> None:
        document = self.documents[number]
        document.is_void = True
        if document.corrects:
            self.documents[document.corrects].credited += document.total

    def remember(self) -> None:
        """Keep what is asked for now, and the credit that an invoice issued meanwhile may have found."""
        for number, document in self.documents.items():
            self.ever_asked.setdefault(number, set()).add(document.asked)
        if self.credits is not None:
            self.credits.add(self.credit)


@dataclass
class Balance:
    """What one customer gave and got by Stripe's books, and what our documents come to."""

    granted: int = 0
    paid: int = 0
    returned: int = 0
    # Of what was returned, what no credit note stands for.
    uncovered: int = 0
    worth: int = 0
    owed: int = 0
    credit: int = 0
    about: list[str] = field(default_factory=list)

    def find_fault(self) -> str:
        """Say how the books fail to agree; empty where they agree."""
        due = self.granted + self.paid - self.returned + self.uncovered + self.owed - self.worth
        return "" if due == self.credit else f"credit {self.credit}, but by the documents {due}: {self}"
