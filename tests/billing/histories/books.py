"""What the stand-in for Stripe has, by customer and by invoice."""

from collections import Counter, defaultdict
from typing import Any

from tests.outside import Outside

There = dict[str, Any]
UNPAID = {"open", "uncollectible"}


def get_asked(there: There) -> int:
    """Return what Stripe asks for on an invoice."""
    return int(there["amount_remaining"]) if there["status"] in UNPAID else 0


def get_applied(there: There) -> int:
    """Return what Stripe used of the customer's balance; negative where it asks for a debt in addition."""
    return int((there["ending_balance"] or 0) - there["starting_balance"])


def get_paid(there: There) -> int:
    """Return what came in, in Stripe or marked as paid elsewhere."""
    return int(there["amount_paid"] + there.get("amount_paid_off_stripe", 0))


class StripeBooks:
    """All of Stripe's books, read once."""

    def __init__(self, outside: Outside) -> None:
        self.customers = {one["id"]: one for one in outside.list_objects("customer")}
        self.invoices = {one["id"]: one for one in outside.list_objects("invoice")}
        self.notes = self._group(outside.list_objects("credit_note"), "invoice")
        payments = self._group(outside.list_objects("invoice_payment"), "invoice")
        charges = self._group(outside.list_objects("charge"), "payment_intent")
        disputes = self._group(outside.list_objects("dispute"), "charge")
        self._refunds = self._group(outside.list_objects("refund"), "charge")
        self.charges = {
            id_: [charge for one in paid for charge in charges.get(one["payment"].get("payment_intent", ""), [])]
            for id_, paid in payments.items()
        }
        self.disputes = {
            id_: [dispute for charge in found for dispute in disputes.get(charge["id"], [])]
            for id_, found in self.charges.items()
        }

    @staticmethod
    def _group(found: list[There], by: str) -> dict[str, list[There]]:
        groups: defaultdict[str, list[There]] = defaultdict(list)
        for one in found:
            groups[one[by]].append(one)
        return groups

    def live_notes(self, id_: str) -> list[There]:
        return [note for note in self.notes.get(id_, []) if note["status"] != "void"]

    def refunded(self, id_: str) -> int:
        return sum(charge["amount_refunded"] for charge in self.charges.get(id_, []))

    def lost(self, id_: str) -> int:
        """Sum what banks took back for good."""
        return sum(one["amount"] for one in self.disputes.get(id_, []) if one["status"] == "lost")

    def returned(self, id_: str) -> int:
        return self.refunded(id_) + self.lost(id_)

    def covered(self, id_: str) -> int:
        """Sum what credit notes stand for of what was returned."""
        linked = sum(entry["amount_refunded"] for note in self.live_notes(id_) for entry in note["refunds"])
        return int(linked) + min(self.outside(id_), self.lost(id_))

    def outside(self, id_: str) -> int:
        """Sum what credit notes count as given back outside of Stripe."""
        return sum(note["out_of_band_amount"] or 0 for note in self.live_notes(id_))

    def never_came(self, id_: str) -> int:
        """Sum what was marked as paid elsewhere and credited as refunded outside, so that it could be closed."""
        return max(self.outside(id_) - self.lost(id_), 0)

    def free_refunds(self, id_: str) -> dict[str, int]:
        """List what no credit note stands for yet of each refund."""
        taken: Counter[str] = Counter()
        for note in self.live_notes(id_):
            taken.update({entry["refund"]: entry["amount_refunded"] for entry in note["refunds"]})
        refunds = [one for charge in self.charges.get(id_, []) for one in self._refunds.get(charge["id"], [])]
        return {one["id"]: left for one in refunds if (left := one["amount"] - taken[one["id"]])}
