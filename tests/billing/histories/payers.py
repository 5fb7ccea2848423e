"""What customers, their banks, and people in Stripe's dashboard do."""

from typing import Any

from tests.billing.histories.staff import Staff

There = dict[str, Any]


class Payers(Staff):
    """Customers and what is done in Stripe."""

    def _choose_there(self, *statuses: str) -> There | None:
        customer = self.customer.account.stripe_customer_id
        if not customer:
            return None
        found = [one for one in self.outside.list_objects("invoice", customer=customer) if one["status"] in statuses]
        return self.random.choice(found) if found else None

    def _happen(self, there: There, action: str, what: str = "", **given: Any) -> str:
        what = what or f"{action} in Stripe"
        try:
            self.outside.control("POST", f"/stripe/invoices/{there['id']}/{action}", **given)
        except AssertionError as error:
            return self.refuse(what, error)
        self.done[what] += 1
        return f"{what} {there['number']} {given or ''}"

    def pay(self) -> str:
        there = self._choose_there("open", "open", "uncollectible")
        if there is None or not there["amount_remaining"]:
            return ""
        if self.random.random() < 0.15:
            return self._happen(there, "fail", "decline a card in Stripe")
        if self.random.random() < 0.1:
            self.outside.act("POST", f"invoices/{there['id']}/pay", paid_out_of_band="true")
            self.done["mark as paid elsewhere in Stripe"] += 1
            return f"{there['number']} is marked as paid elsewhere"
        amount = self.choose_part(there["amount_remaining"])
        part = "in full" if amount == there["amount_remaining"] else "in part"
        return self._happen(there, "pay", f"pay {part} in Stripe", amount=amount)

    def refund(self) -> str:
        there = self._choose_there("paid", "open", "void")
        if there is None or not there["amount_paid"]:
            return ""
        return self._happen(there, "refund", amount=self.choose_part(there["amount_paid"]))

    def dispute(self) -> str:
        there = self._choose_there("paid", "open")
        if there is None or not there["amount_paid"]:
            return ""
        return self._happen(there, "dispute")

    def close_dispute(self) -> str:
        """Let the bank decide one of the customer's disputes."""
        customer = self.customer.account.stripe_customer_id
        charges = {one["id"] for one in self.outside.list_objects("charge", customer=customer)} if customer else set()
        undecided = [
            one
            for one in (self.outside.list_objects("dispute") if charges else [])
            if one["charge"] in charges and one["status"] not in {"won", "lost"}
        ]
        if not undecided:
            return ""
        status = self.random.choice(["won", "lost"])
        self.outside.control("POST", f"/stripe/disputes/{undecided[0]['id']}/close", status=status)
        self.done[f"dispute {status}"] += 1
        return f"dispute {status}"

    def give_up(self) -> str:
        there = self._choose_there("open")
        return self._happen(there, "mark-uncollectible") if there else ""

    def act_in_dashboard(self) -> str:
        """Do in Stripe's dashboard what people must settle here afterwards."""
        there = self._choose_there("open", "paid")
        action = self.random.choice(["credit", "credit", "void"])
        if there is None or there["total"] <= 0:
            return ""
        credited = there["pre_payment_credit_notes_amount"] + there["post_payment_credit_notes_amount"]
        given = {"amount": self.choose_part(there["total"] - credited)} if action == "credit" else {}
        said = self._happen(there, action, f"{action} in Stripe's dashboard", **given)
        if "refused" not in said:
            self.by_hand.add(there["id"])
        return said

    def grant(self) -> str:
        """Give a customer credit in Stripe, or book a debt there."""
        customer, id_ = self.customer, self.customer.account.stripe_customer_id
        if not id_:
            return ""
        cents = self.random.choice([9_980, 3_000, 100, 200_000, -2_000])
        (there,) = self.outside.list_objects("customer", id=id_)
        self.outside.act("POST", f"customers/{id_}", balance=str(there["balance"] - cents * customer.wire))
        customer.granted += cents
        self.done[f"{'grant credit' if cents > 0 else 'book a debt'} in Stripe"] += 1
        return f"{cents} of credit in Stripe"
