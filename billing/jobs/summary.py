"""The summary of a billing run, by e-mail."""

from collections.abc import Iterable, Sequence
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from pydantic import Field

from billing.selectors.summaries import COMPONENTS, write_invoiced
from common.clock import Month
from common.hosts import ascii_mailbox
from common.smtp import get_mailer
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Job, JobParams, job


@job("billing-summary", title="Billing summary", queue="email", permission="billing.run_billing", batch_size=1)
class BillingSummary(Job):
    """Sends what a billing run came to, to each address of `NOTIFY_EMAIL`."""

    class Params(JobParams):
        """Which run."""

        run: int = Field(description="The number of the billing run.")

    def check(self) -> dict[str, str]:
        """Refuse a run that is none of billing's."""
        known = JobRun.objects.filter(pk=self.params.run, job="monthly-billing").exists()
        return {} if known else {"run": f"There is no billing run {self.params.run}."}

    def keys(self) -> Iterable[str]:
        """Expect one e-mail an address."""
        return settings.NOTIFY_EMAIL

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Send the e-mails."""
        run = JobRun.objects.get(pk=self.params.run)
        texts = {"summary": _context(run)}
        subject, text, html = (
            render_to_string(f"billing/email/summary{suffix}", texts) for suffix in ("_subject.txt", ".txt", ".html")
        )
        sender = settings.DEFAULT_FROM_EMAIL
        for key in keys:
            message_id = f"<billing-run-{run.pk}-{key.replace('@', '.')}@{parseaddr(sender)[1].partition('@')[2]}>"
            message = EmailMultiAlternatives(
                " ".join(subject.split()), text, sender, [ascii_mailbox(key)], headers={"Message-ID": message_id}
            )
            message.attach_alternative(html, "text/html")
            get_mailer().send(parseaddr(sender)[1], key, message.message())


def _context(run: JobRun) -> dict[str, object]:
    summary = run.summary
    return {
        "month_label": Month.parse(summary["month"]).label,
        "due_by": summary.get("due_by", ""),
        "problem": _describe_problem(run),
        "dry_run": summary["dry_run"],
        "organizations": summary["organizations"],
        "invoices": summary["invoices"],
        "held": summary["held"],
        "early": summary.get("early_figures", 0),
        "errors": [(name, summary["errors"][name]) for name in COMPONENTS],
        "errors_total": sum(summary["errors"].values()),
        "not_delivered": summary.get("not_delivered", 0),
        "invoiced": write_invoiced(summary),
        "duration": f"{summary['seconds']} s",
        "run_url": settings.BASE_URL + reverse("admin:jobs_jobrun_change", args=[run.pk]),
    }


def _describe_problem(run: JobRun) -> str:
    """Say why a run did not get to all that it expected; what failed by itself is counted among the errors."""
    said = ["It was cancelled."] if run.status == JobRun.Status.CANCELLED else [run.error] if run.error else []
    if run.missing:
        said.append(f"{run.missing:,} of {run.expected:,} organizations were not brought to an end.")
    return " ".join(said)
