"""Invoices in Stripe with everything that can become of them, and what Stripe tells of it."""

import random
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from billing.models import BillingAccount, Invoice, InvoiceDelivery, Payment, PlanTerms, StripeEvent, StripeRecord
from billing.providers.stripe import LineToBill
from billing.providers.stripe_payments import PaymentsGateway
from common.clock import Month
from tests.concurrency.world import Outside
from tests.factories.billing import make_organization, make_plan
from tests.factories.invoices import ISSUED_AT

Event = dict[str, Any]
_FIRST = Month(2020, 1)
_CENTS = 10_000


class Market:
    """Organizations that were invoiced for many months, through a Stripe that is a stand-in."""

    def __init__(self, outside: Outside, organizations: int, months: int) -> None:
        self.outside = outside
        base = str(outside.control.base_url).removesuffix("/control/") + "/stripe"
        self.gateway = PaymentsGateway("sk_test_1234567890abcdef", base, lambda endpoint: nullcontext())
        self._plan = make_plan()
        self._terms = PlanTerms.objects.create(plan=self._plan, digest="market", terms={})
        self.stripe_ids: dict[int, str] = {}
        for number in range(organizations):
            self._make_organization(number, months)

    def _make_organization(self, number: int, months: int) -> None:
        organization = make_organization(self._plan, email=f"market{number}@example.test")
        customer = self.gateway.create_customer(
            organization.pk, organization.name, organization.email, f"customer-{number}"
        )
        for place in range(months):
            self._make_invoice(organization, _FIRST.plus(place), customer, f"INV-2020-{number * months + place + 1:06}")

    def _make_invoice(self, organization: Any, month: Month, customer: str, number: str) -> None:
        invoice = Invoice.objects.create(
            organization=organization, month=month.first_day, status="finalized", number=number, currency="USD",
            subtotal_cents=_CENTS, total_cents=_CENTS, issue_date=ISSUED_AT.date(), due_date=ISSUED_AT.date(),
            terms=self._terms, finalized_at=ISSUED_AT,
        )  # fmt: skip
        draft = self.gateway.create_invoice(
            customer, str(invoice.pk), currency="USD", number=number, description="", days_until_due=14, key=number
        )
        self.gateway.add_lines(draft.id, "USD", [LineToBill("1", "All of it", _CENTS)], f"{number}-lines")
        self.gateway.finalize_invoice(draft.id, f"{number}-finalize")
        InvoiceDelivery.objects.create(invoice=invoice, step="stripe", status="done", reference=draft.id)
        self.stripe_ids[invoice.pk] = draft.id

    def live(self, chance: random.Random) -> None:
        """Let customers and banks do what they do, differently with each invoice."""
        for stripe_id in self.stripe_ids.values():
            for _ in range(chance.randint(0, 15)):
                self._happen(stripe_id, "fail")
            fate = chance.choice(["paid", "paid", "refunded", "disputed", "uncollectible", "void", "open"])
            if fate in {"paid", "refunded", "disputed"}:
                self._happen(stripe_id, "pay")
            if fate == "refunded":
                for _ in range(chance.choice([1, 2, 3])):
                    self._happen(stripe_id, "refund", amount=500)
            if fate == "disputed":
                dispute = self._happen(stripe_id, "dispute", amount=700)
                self.outside.tell(
                    "POST", f"/stripe/disputes/{dispute['id']}/close", status=chance.choice(["won", "lost"])
                )
            if fate == "uncollectible":
                self._happen(stripe_id, "mark-uncollectible")
                if chance.random() < 0.5:
                    self._happen(stripe_id, "pay")
            if fate == "void":
                self._happen(stripe_id, "void")

    def _happen(self, stripe_id: str, what: str, **given: Any) -> Any:
        return self.outside.tell("POST", f"/stripe/invoices/{stripe_id}/{what}", **given)

    def tell(self, count: int) -> list[Event]:
        """List so many events, in the order in which they happened: some of them told twice by Event objects of two."""
        told = self.outside.list_objects("event")
        assert len(told) <= count, f"{len(told)} events are more than {count}"
        if missing := count - len(told):
            assert missing <= len(told)
            self.outside.tell("POST", "/stripe/double-events", events=[event["id"] for event in told[-missing:]])
        found = self.outside.list_objects("event")
        assert len(found) == count
        return found

    def look(self) -> dict[str, tuple[Any, ...]]:
        """What we know of each invoice, by what it is called in Stripe."""
        columns = ("state", "amount_paid_cents", "attempts", "failure", "refunded_cents", "dispute", "disputed_cents")
        payments = {row[0]: row[1:] for row in StripeRecord.objects.values_list("invoice", *columns)}
        statuses = Invoice.objects.values_list("pk", "status")
        return {self.stripe_ids[id_]: (status, *payments.get(id_, ())) for id_, status in statuses}

    def look_there(self) -> dict[str, tuple[Any, ...]]:
        """What Stripe has of each invoice, written as `look` writes it."""
        charges: dict[str, list[Event]] = {}
        invoice_of = {
            payment["payment"]["payment_intent"]: payment["invoice"]
            for payment in self.outside.list_objects("invoice_payment")
        }
        for charge in self.outside.list_objects("charge"):
            charges.setdefault(invoice_of[charge["payment_intent"]], []).append(charge)
        disputes = {dispute["charge"]: dispute for dispute in self.outside.list_objects("dispute")}
        return {
            invoice["id"]: _describe(invoice, charges.get(invoice["id"], []), disputes)
            for invoice in self.outside.list_objects("invoice")
            if invoice["id"] in self.stripe_ids.values()
        }

    def forget(self) -> None:
        """Let everything here be as if nothing had been told."""
        StripeEvent.objects.all().delete()
        StripeRecord.objects.all().delete()
        Payment.objects.all().delete()
        Invoice.objects.update(status="finalized")
        BillingAccount.objects.update(stripe_customer_id="", stripe_customer_deleted_at=None)


def _describe(invoice: Event, charges: Sequence[Event], disputes: dict[str, Event]) -> tuple[Any, ...]:
    statuses = {"open": "finalized", "void": "finalized"}
    mine = [disputes[charge["id"]] for charge in charges if charge["id"] in disputes]
    return (
        statuses.get(invoice["status"], invoice["status"]),
        invoice["status"],
        invoice["amount_paid"],
        invoice["attempt_count"],
        next((charge["failure_message"] for charge in charges if charge["failure_message"]), ""),
        sum(charge["amount_refunded"] for charge in charges),
        mine[0]["status"] if mine else "",
        sum(dispute["amount"] for dispute in mine if dispute["status"] != "won"),
    )


def last_words(events: Sequence[Event]) -> dict[str, str]:
    """What an invoice would be if the last event to come decided."""
    about = [event["data"]["object"] for event in events if event["type"].startswith("invoice.")]
    return {thing["id"]: thing["status"] for thing in about}
