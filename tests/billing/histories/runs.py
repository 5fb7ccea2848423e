"""How months are billed: whole or by name, broken off, cancelled, among people, and anew after a preview."""

import random
import threading
import time
import traceback
from typing import Any

from django.db import connections

from billing.models import Invoice
from common.clock import Month
from jobs.engine import work
from jobs.models import JobItem, JobRun
from jobs.registry import get_job
from jobs.services import cancel_run, read_params, start
from tests.billing.histories.customers import MONTHS, Action, Customer
from tests.billing.histories.payers import Payers

_BREAKS = {
    "books": ("GET", r"/v1/invoices$"),
    "create": ("POST", r"/v1/invoices$"),
    "finalize": ("POST", r"/v1/invoices/[^/]+/finalize$"),
    "credit": ("POST", r"/v1/credit_notes$"),
    "void": ("POST", r"/v1/invoices/[^/]+/void$"),
}
_STRIPE_BREAKS: list[dict[str, Any]] = [{"action": "status", "status": 500}, {"action": "close_after"}]
_MAIL_BREAKS: list[dict[str, Any]] = [{"action": "defer"}, {"action": "drop_after", "stage": "data"}]


class Runs(Payers):
    """Billing runs."""

    def act(self) -> str:
        """Let somebody do something that can be done at any time."""
        actions: list[Action] = [
            self.credit, self.void, self.decide, self.decide, self.change_figures, self.move_creator, self.pay,
            self.pay, self.set_limit, self.park, self.suspend, self.send_again, self.use_meter, self.refund,
            self.record,
        ]  # fmt: skip
        return self.random.choice(actions)()

    def act_on(self, customer: Customer, action: Action) -> str:
        """Do something about one customer, and enter it in the oracle's books."""
        self.customer = customer
        said = action()
        self.observe()
        return f"{customer.id}: {said}" if said else ""

    def observe(self) -> None:
        """Enter what was voided and issued outside Stripe; what it asks for is the oracle's to say."""
        outside = {customer.id: customer for customer in self.customers if not customer.in_stripe}
        issued = Invoice.objects.filter(organization__in=outside, number__isnull=False).order_by("finalized_at", "pk")
        rows = list(
            issued.values_list(
                "organization", "number", "total_cents", "corrects__number", "status", "balance_applied_cents"
            )
        )
        for id_, number, _, _, status, _ in rows:
            documents = outside[id_].ledger.documents
            if status == "void" and number in documents and not documents[number].is_void:
                outside[id_].ledger.void(str(number))
        for id_, named, total, corrects, status, applied in rows:
            ledger, number = outside[id_].ledger, str(named)
            if number not in ledger.documents:
                ledger.issue(number, total, corrects or "", applied)
                ledger.remember()
                if status == "void":
                    ledger.void(number)
        for customer in outside.values():
            customer.ledger.remember()

    # Starting and working

    def start(self, month: Month, **params: Any) -> JobRun:
        job = get_job("monthly-billing")
        if params.get("stripe") is False or params.get("deliver") is False:
            self.without_stripe.add(month)
        return start(job, read_params(job, {"month": month, **params}), JobRun.Trigger.COMMAND, reason="Random")[0]

    def work_off(self) -> None:
        """Let workers do all there is to do."""
        for _ in range(20):
            active = list(JobRun.objects.filter(status__in=JobRun.ACTIVE).order_by("id"))
            if not active:
                break
            for run in active:
                work(run.pk, wait=True)
                self.observe()
        else:
            self.fault("Runs don't end.")

    def describe_run(self, run: JobRun) -> str:
        run.refresh_from_db()
        items = JobItem.objects.filter(run=run).exclude(status="done")
        return f"{run.status} {[(item.key, item.status, item.step, item.error) for item in items]}"

    def is_billed(self, month: Month) -> bool:
        live = Invoice.objects.filter(month=month.first_day, corrects=None).exclude(status__in=Invoice.DEAD)
        return live.exclude(status__in=["draft", "held"]).count() == len(self.customers)

    def _choose_month(self) -> Month:
        missing = [month for month in MONTHS if not self.is_billed(month)]
        return missing[0] if missing and self.random.random() < 0.7 else self.random.choice(MONTHS)

    def _choose_params(self) -> dict[str, Any]:
        params: dict[str, Any] = {}
        if self.random.random() < 0.4:
            chosen = [customer.id for customer in self.customers if self.random.random() < 0.6]
            params["organizations"] = chosen or [self.customer.id]
        if self.random.random() < 0.15:
            params["stripe"] = False
        if self.random.random() < 0.1:
            params["deliver"] = False
        return params

    # Kinds of runs

    def bill(self) -> str:
        month, params = self._choose_month(), self._choose_params()
        run = self.start(month, **params)
        self.work_off()
        self.done["run"] += 1
        return f"bill {month} {params or ''}: {self.describe_run(run)}"

    def bill_anew(self) -> str:
        """Preview a month billed anew, which must change nothing; then bill it so, which must come to the same."""
        month = self.random.choice(MONTHS)
        ids = [customer.id for customer in self.customers if self.random.random() < 0.3] or [self.customer.id]
        before = list(Invoice.objects.order_by("pk").values())
        preview = self.start(month, organizations=ids, regenerate=True, dry_run=True)
        self.work_off()
        if list(Invoice.objects.order_by("pk").values()) != before:
            self.fault(f"The preview of {month} changed something.")
        run = self.start(month, organizations=ids, regenerate=True)
        self.work_off()
        seen, became = ({item.key: item for item in JobItem.objects.filter(run=each)} for each in (preview, run))
        for key in ids:
            said, came = (items[key].result.get("total_cents") if key in items else None for items in (seen, became))
            if said != came:
                self.fault(f"{key}: the preview of {month} said {said}, billing it came to {came}")
        superseded = Invoice.objects.filter(replaces__isnull=False, run=run).count()
        self.done["run that bills anew"] += 1
        self.done["month billed anew"] += superseded
        return f"bill {month} anew for {ids}: {self.describe_run(run)}"

    def bill_with_a_break(self) -> str:
        """Bill a month that breaks off at some step; people act meanwhile; then it goes on, or is cancelled."""
        month, params = self._choose_month(), self._choose_params()
        where = self.random.choice([*_BREAKS, "mail"])
        self._break(where)
        run = self.start(month, **params)
        work(run.pk)
        self.observe()
        self.outside.heal()
        said = [self.act_on(customer, self.act) for customer in self.customers if self.random.random() < 0.4]
        run.refresh_from_db()
        self.done["run broken off"] += 1
        if run.is_active and self.random.random() < 0.7:
            cancel_run(run, None, "Random")
            self.done["run cancelled"] += 1
            self.done[f"run cancelled that broke off at {where}"] += 1
            said.append("cancelled")
        self.work_off()
        return f"bill {month} {params or ''} broken at {where}; {[*filter(None, said)]}: {self.describe_run(run)}"

    def bill_and_cancel(self) -> str:
        """Bill a month until it has numbers, or before; then somebody cancels it, and people act."""
        month, params = self._choose_month(), self._choose_params()
        run = self.start(month, **params)
        if self.random.random() < 0.7:
            self._break("books")
            work(run.pk)
            self.observe()
            self.outside.heal()
        run.refresh_from_db()
        if run.is_active:
            cancel_run(run, None, "Random")
            self.done["run cancelled"] += 1
            self.done["run cancelled before its numbers"] += 1
        said = [self.act_on(customer, self.act) for customer in self.customers if self.random.random() < 0.4]
        self.work_off()
        return f"bill {month} {params or ''} and cancel it; {[*filter(None, said)]}: {self.describe_run(run)}"

    def _break(self, where: str) -> None:
        if where == "mail":
            how = self.random.choice(_MAIL_BREAKS)
            self.outside.refuse_mail("*", **how)
            return
        method, path = _BREAKS[where]
        how = self.random.choice(_STRIPE_BREAKS)
        self.outside.fail("stripe", path, times=None, method=method, **how)

    def bill_with_a_lost_answer(self) -> str:
        """Bill a month while one answer of Stripe's is lost."""
        month, skip = self._choose_month(), self.random.randrange(6)
        self.outside.fail("stripe", "/v1/", times=1, skip=skip, method="POST", action="close_after")
        run = self.start(month)
        self.work_off()
        self.outside.heal()
        self.done["run with a lost answer"] += 1
        return f"bill {month}, answer {skip} lost: {self.describe_run(run)}"

    def bill_among_people(self) -> str:
        """Bill a month in a worker of its own while people act in this thread; somebody may cancel it."""
        month, params = self._choose_month(), self._choose_params()
        run, cancels = self.start(month, **params), self.random.random() < 0.4
        for customer in self.customers:
            customer.ledger.credits = {customer.ledger.credit}
        worker = threading.Thread(target=self._work_apart, args=(run.pk,))
        worker.start()
        said = []
        while worker.is_alive():
            said.append(self.act_on(self.random.choice(self.customers), self.act))
            self.done["act during a run"] += bool(said[-1]) and "refused" not in said[-1]
            if cancels and self.random.random() < 0.1:
                cancel_run(run, None, "Random")
                self.done["run cancelled"] += 1
                self.done["run cancelled while at work"] += 1
                cancels = False
            # Not by the seed: the worker takes its own time anyway.
            time.sleep(random.random() * 0.02)
        worker.join()
        self.work_off()
        for customer in self.customers:
            customer.ledger.credits = None
        self.done["run among people"] += 1
        return f"bill {month} {params or ''} among people; {[*filter(None, said)]}: {self.describe_run(run)}"

    def _work_apart(self, run_id: int) -> None:
        try:
            work(run_id, wait=True)
        except Exception:
            self.fault(traceback.format_exc())
        finally:
            connections.close_all()
