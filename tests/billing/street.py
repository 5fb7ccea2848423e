"""Three neighbours of whom one is in trouble: the others must be none the worse for it."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Organization
from billing.models import Invoice, InvoiceDelivery
from billing.services.books import identify
from billing.services.delivering import open_pdf
from jobs.models import JobItem, JobRun
from jobs.services import rerun
from onlyfans.models import CreatorAccount, EarningsAggregate
from tests.factories.billing import AUGUST, make_creator, make_organization, make_plan
from tests.factories.runs import finish, run
from tests.outside import Outside

CENTS = 10_000
# 20 % of what is left of them after the platform's fee, and the base fee.
TOTAL = 1_600 + 500


@dataclass
class Delivered:
    """All that is to be seen, here and outside, of one organization's month."""

    numbers: list[str | None]
    pdfs: list[str]
    stripe: list[tuple[str, str, int]]
    mails: list[tuple[str, int]] = field(default_factory=list)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return len(self.numbers), len(self.pdfs), len(self.stripe), len(self.mails)


class Street:
    """Three organizations of one creator each; the middle one is the one in trouble."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        plan = make_plan(base_fee_cents=500)
        self.organizations: list[Organization] = [make_organization(plan) for _ in range(3)]
        self.creators: list[CreatorAccount] = [
            make_creator(organization, credentials={"token": f"token-{place}"})
            for place, organization in enumerate(self.organizations)
        ]
        for creator in self.creators:
            outside.seed(creator.onlyfans_user_id, AUGUST, tips=CENTS)

    @property
    def troubled(self) -> Organization:
        return self.organizations[1]

    @property
    def neighbours(self) -> list[Organization]:
        return [self.organizations[0], self.organizations[2]]

    def bill(self, **params: Any) -> JobRun:
        return run("monthly-billing", **{"month": AUGUST, **params})

    def rerun(self, before: JobRun, mode: str = JobRun.Mode.FAILED) -> JobRun:
        again, _ = rerun(before, mode, trigger=JobRun.Trigger.COMMAND, actor=None, reason="Repaired")
        return finish(again)

    def item(self, of: JobRun, organization: Organization | None = None) -> JobItem:
        return of.items.get(key=(organization or self.troubled).pk)

    def look(self, organization: Organization) -> Delivered:
        invoices = list(Invoice.objects.filter(organization=organization, number__isnull=False).order_by("id"))
        done = InvoiceDelivery.objects.filter(invoice__in=invoices, status=InvoiceDelivery.Status.DONE)
        stored = {row.invoice_id: row.detail["sha256"] for row in done.filter(step="store")}
        marks = {str(identify(invoice)) for invoice in invoices}
        return Delivered(
            numbers=[invoice.number for invoice in invoices],
            pdfs=list(stored.values()),
            stripe=[
                (found["id"], found["status"], found["total"])
                for found in self.outside.list_objects("invoice")
                if found["metadata"].get("huntaze_document") in marks
            ],
            mails=[
                (mail["message_id"], mail["times_received"])
                for mail in self.outside.list_mails(to=organization.billing_account.recipient)
            ],
        )

    def look_at_all(self) -> list[Delivered]:
        return [self.look(organization) for organization in self.organizations]

    def check_delivered(self, *organizations: Organization, times: int = 1) -> None:
        """Each of them has one number, one file, one open Stripe invoice and one mail, and their figures agree."""
        for organization in organizations:
            seen = self.look(organization)
            assert seen.counts == (1, 1, 1, 1), seen
            assert seen.stripe[0][1:] == ("open", TOTAL)
            assert seen.mails[0][1] == times
            invoice = Invoice.objects.get(organization=organization)
            assert (invoice.status, invoice.total_cents) == ("finalized", TOTAL)
            sha256 = hashlib.sha256(open_pdf(invoice)).hexdigest()
            made = invoice.deliveries.get(step="pdf").detail["sha256"]
            assert sha256 == made == seen.pdfs[0]

    def check_only_the_trouble(self, ended: JobRun, step: str, error: str) -> None:
        """One failed item that says why, and everybody else has everything."""
        assert (ended.status, ended.done, ended.failed) == ("partial", 2, 1)
        item = self.item(ended)
        assert (item.status, item.step, item.error) == ("failed", step, error)
        self.check_delivered(*self.neighbours)

    def check_repaired(self, before: JobRun) -> JobRun:
        """A rerun of what failed completes it, and repeats nothing: neither the neighbours' nor its own."""
        seen = self.look_at_all()
        again = self.rerun(before)
        assert (again.status, again.expected, again.done) == ("succeeded", 1, 1), self.item(again).error
        self.check_delivered(*self.organizations)
        now = self.look_at_all()
        assert (now[0], now[2]) == (seen[0], seen[2])
        assert now[1].numbers[: len(seen[1].numbers)] == seen[1].numbers
        assert now[1].pdfs[: len(seen[1].pdfs)] == seen[1].pdfs
        return again

    def earned(self) -> dict[str, int]:
        rows = EarningsAggregate.objects.filter(category="tips").values_list("creator__organization", "gross_cents")
        return dict(rows)
