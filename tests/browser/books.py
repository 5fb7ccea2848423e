"""A month that was billed, with everything in it that staff may or may not touch."""

from dataclasses import dataclass

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, InvoiceAction, Plan
from common.clock import previous_month
from jobs.models import JobItem, JobRun
from onlyfans.models import CreatorAccount
from tests.factories.billing import earn, make_creator, make_organization, make_plan
from tests.factories.ledger import make_run
from tests.factories.runs import bill


@dataclass(frozen=True)
class Books:
    """One invoice issued, one held, one organization that failed; a preview; another job under way."""

    run: JobRun
    preview: JobRun
    active: JobRun
    issued: Invoice
    held: Invoice
    account: BillingAccount
    creator: CreatorAccount

    @property
    def working_pages(self) -> list[str]:
        """The addresses where most is done."""
        return [
            "/admin/",
            *(f"/admin/jobs/jobrun/{run.pk}/change/" for run in (self.run, self.active)),
            *(f"/admin/billing/invoice/{invoice.pk}/change/" for invoice in (self.issued, self.held)),
            f"/admin/onlyfans/creatoraccount/{self.creator.pk}/change/",
        ]

    @property
    def pages(self) -> list[str]:
        """The addresses that everybody may see."""
        return [
            *self.working_pages,
            *("/admin/jobs/jobrun/", f"/admin/jobs/jobrun/{self.preview.pk}/change/"),
            "/admin/django_celery_beat/periodictask/",
            "/admin/billing/invoice/",
            f"/admin/billing/billingaccount/{self.account.pk}/change/",
            f"/admin/billing/plan/{self.account.plan_id}/change/",
            f"/admin/accounts/organization/{self.account.organization_id}/change/",
        ]

    @property
    def money_doors(self) -> list[str]:
        """The addresses with a form behind which money is moved, or kept from moving."""
        invoices = "/admin/billing/invoice"
        return [
            "/admin/jobs/jobrun/start/monthly-billing/",
            *(f"/admin/jobs/jobrun/{self.run.pk}/rerun/{mode}/" for mode in ("failed", "missing", "all")),
            *(f"{invoices}/{name}/" for name in ("preview", "run")),
            *(f"{invoices}/{self.held.pk}/{name}/" for name in ("approve", "reject")),
            *(f"{invoices}/{self.issued.pk}/{name}/" for name in ("void", "credit", "resend")),
            f"/admin/billing/billingaccount/{self.account.pk}/park/",
            "/admin/billing/plan/add/",
        ]

    @property
    def retry_door(self) -> str:
        """The address that delivers what is not delivered yet; it has no form."""
        return f"/admin/billing/invoice/{self.issued.pk}/retry/"

    @property
    def job_doors(self) -> list[str]:
        """The addresses of jobs that move no money."""
        return ["/admin/jobs/jobrun/start/hourly-usage/", f"/admin/jobs/jobrun/{self.active.pk}/cancel/"]

    @property
    def ledger_doors(self) -> list[str]:
        """The addresses by which an admin would write what nobody writes by hand."""
        return [
            "/admin/jobs/jobrun/add/",
            f"/admin/jobs/jobrun/{self.run.pk}/delete/",
            "/admin/billing/invoice/add/",
            f"/admin/billing/invoice/{self.issued.pk}/delete/",
        ]


def make_books() -> Books:
    """Bill a month without delivering it."""
    month = previous_month()
    plan = make_plan(name="Studio", base_fee_cents=4900)
    good = make_organization(plan, name="Aurora Talent")
    large = make_organization(plan, name="Quartz Agency", account={"max_total_cents": 1})
    make_organization(make_plan((), name="Without brackets"), name="Nachtfalter GmbH")
    creator = make_creator(good, display_name="Ada Aurora", credentials={"token": "valid-ada"})
    earn(creator, month, 100_000)
    return Books(
        run=bill(month),
        preview=bill(month, dry_run=True),
        active=make_run("hourly-usage", JobRun.Status.RUNNING, expected=3),
        issued=Invoice.objects.get(organization=good),
        held=Invoice.objects.get(organization=large, status=Invoice.Status.HELD),
        account=good.billing_account,
        creator=creator,
    )


def state_of_things() -> list[object]:
    """Everything that pressing what is forbidden could have changed."""
    return [
        list(JobRun.objects.order_by("pk").values_list("pk", "status", "cancel_requested_at")),
        JobItem.objects.count(),
        list(Invoice.objects.order_by("pk").values_list("pk", "status", "number")),
        InvoiceAction.objects.count(),
        list(BillingAccount.objects.order_by("pk").values_list("pk", "parked_at")),
        Plan.objects.count(),
        Organization.objects.count(),
        [creator.credentials for creator in CreatorAccount.objects.order_by("pk")],
    ]
