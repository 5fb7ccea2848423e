"""A history from its first run until nothing is left to do: events that come late, rest, and what people settle."""

import time

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, InvoiceDelivery, StripeEvent
from billing.services.deciding import approve_and_bill
from billing.services.events import process_events, requeue_events
from billing.services.parking import unpark_account
from billing.services.resending import retry_delivery
from tests.billing.histories.advice import Advised
from tests.billing.histories.customers import LAST, MONTHS, WIDE, Action
from tests.factories.events import list_events, take
from tests.factories.runs import let_time_pass


class History(Advised):
    """One seed's history."""

    def live(self, steps: int) -> None:
        """Let random things happen to each customer so many times, and months be billed between them."""
        runs = (
            [self.bill] * 4 + [self.bill_with_a_break] * 4 + [self.bill_anew] * 2 + [self.bill_with_a_lost_answer]
            + [self.bill_among_people] * 3 + [self.bill_and_cancel] * 2
        )  # fmt: skip
        actions = (
            [self.act] * 6 + [self.decide] * 2 + [self.pay] * 3 + [self.record] * 5 + [self.grant] * 2
            + [self.reverse, self.refund, self.dispute, self.close_dispute, self.give_up, self.change_figures]
            + [self.act_in_dashboard, self.credit]
        )  # fmt: skip
        self.note(self.bill())
        for _ in range(steps):
            for customer in self.customers:
                self.note(self.act_on(customer, lambda: self._act_somehow(actions)))
            self.work_off()
            self.note(self.random.choice(runs)())
            self.note(self.random.choice([self.hear_some, self.hear_some, self.pass_time])())

    def _act_somehow(self, actions: list[Action]) -> str:
        """Do one thing; another one where there is nothing to do it about."""
        return next((said for _ in range(3) if (said := self.random.choice(actions)())), "")

    def pass_time(self) -> str:
        let_time_pass(40)
        return "40 days pass"

    # Stripe's events

    def hear_some(self) -> str:
        """Let some events come, in any order, some of them twice; the others are late."""
        events = [event for event in list_events(self.outside) if event["id"] not in self.heard]
        self.random.shuffle(events)
        come = events[: self.random.randrange(len(events) + 1)]
        self.heard |= {event["id"] for event in come}
        self.done["event late"] += len(events) - len(come)
        self.done["event twice"] += len(come[:2])
        take([*come, *come[:2]])
        process_events()
        return f"{len(come)} of {len(events)} events come" if events else ""

    def hear_all(self) -> None:
        """Let all events come, some once more, and be worked on until none waits."""
        take(list_events(self.outside))
        for _ in range(100):
            process_events()
            if not StripeEvent.objects.filter(status__in=StripeEvent.UNENDED).exists():
                break
            time.sleep(0.03)
        failed = StripeEvent.objects.filter(status="dead")
        if failed.exists():
            requeue_events(failed.values_list("pk", flat=True))
            process_events()

    # Rest

    def come_to_rest(self) -> None:
        """Let all that is under way end: runs, events, deliveries that failed."""
        self.outside.heal()
        self.work_off()
        self.hear_all()
        for _ in range(3):
            undone = InvoiceDelivery.objects.exclude(status__in=["done", "skipped"]).order_by("invoice")
            ids = list(dict.fromkeys(undone.values_list("invoice", flat=True)))
            ids += self._list_unsent()
            if not ids:
                break
            for id_ in ids:
                retry_delivery(id_, actor=None, reason="Random")
                self.done["delivery retried"] += 1
            self.work_off()
            self.hear_all()
        if not self.is_settled:
            self.by_hand |= self.list_waiting()

    def _list_unsent(self) -> list[int]:
        """List the documents of runs that left Stripe, or all of the delivery, out."""
        issued = Invoice.objects.filter(number__isnull=False).exclude(status=Invoice.Status.VOID)
        unsent = issued.exclude(deliveries__step="email")
        unsent |= issued.filter(organization__billing_account__deliver_stripe=True).exclude(deliveries__step="stripe")
        return list(unsent.order_by("id").values_list("pk", flat=True))

    def settle(self) -> None:
        """Let people do all that waits for them."""
        for customer in self.customers:
            while self.act_on(customer, self.close_dispute):
                pass
            Organization.objects.filter(pk=customer.id).update(status="active")
            BillingAccount.objects.filter(organization=customer.id).update(**WIDE)
            if customer.account.is_parked:
                unpark_account(customer.account.pk, actor=None, reason="Random")
        self.hear_all()
        for held in Invoice.objects.filter(status="held").order_by("month"):
            approve_and_bill(held.pk, actor=None, reason="Random")
        self.work_off()
        for _ in range(4):
            self.come_to_rest()
            if not self.heed():
                break
        self.by_hand.clear()
        self.is_settled = True

    def bill_all(self, *, again: bool = False) -> None:
        """Bill every month that somebody lacks, naming nobody; the last one, for everybody, settles what came late."""
        for month in [*MONTHS, LAST]:
            if not again and month != LAST and self.is_billed(month):
                continue
            run = self.start(month)
            self.work_off()
            self.note(f"bill all of {month}: {self.describe_run(run)}")
            failed = run.items.exclude(status__in=["done", "skipped"])
            if failed.exists() or run.missing:
                self.fault(f"{month} can't be billed: {self.describe_run(run)}")
