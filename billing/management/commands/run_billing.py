"""Bill a month."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from billing.selectors.summaries import COMPONENTS, list_differences, write_invoiced
from common.commands import OneLineCommand, refuse
from common.money import format_money
from jobs.console import default_output, exit_status, work_and_watch
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.selectors import list_failed_runs
from jobs.services import InvalidParams, read_params, start


class Command(OneLineCommand):
    """Bills a month, or what is missing of it, and prints what came of it."""

    help = "Bill a month: exit status 0 all well, 1 some organizations failed, 2 wrong usage."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what can be asked of a month's billing."""
        parser.add_argument(
            "--month",
            help="like 2026-10, for everybody; else PROCESS_MONTH; else the last month, for those due by today",
        )
        parser.add_argument("--dry-run", action="store_true", help="compute everything, keep nothing (or DRY_RUN)")
        parser.add_argument("--organization", action="append", default=[], metavar="ID", help="only it; repeatable")
        parser.add_argument("--rerun-failed", action="store_true", help="only what failed in the month")
        parser.add_argument("--regenerate", action="store_true", help="void or credit, then bill anew")
        parser.add_argument("--reason", default="", help="why; wanted with --regenerate and --rerun-failed")
        parser.add_argument("--no-stripe", action="store_true", help="leave Stripe out")
        parser.add_argument("--no-email", action="store_true", help="send no e-mail")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="of the summary")
        parser.add_argument("--workers", type=int, default=1, help="processes to work with")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it and end with its status."""
        if not 1 <= options["workers"] <= 64:
            raise refuse("--workers: give a number from 1 to 64.")
        if (options["regenerate"] or options["rerun_failed"]) and not options["reason"].strip():
            raise refuse("--reason: say why this is run again; the reason is kept with the run.")
        if options["rerun_failed"] and (options["organization"] or options["regenerate"]):
            raise refuse("--rerun-failed: it takes what failed; leave --organization and --regenerate out.")
        try:
            statuses = [self._finish(run, created, options) for run, created in self._start(options)]
        except InvalidParams as error:
            raise refuse(str(error)) from None
        sys.exit(max(statuses))

    def _finish(self, run: JobRun, created: bool, options: dict[str, Any]) -> int:
        if not created:
            self.stderr.write(f"{run} is at it already; waiting for it instead of starting another.")
        run = work_and_watch(run, options["workers"], default_output())
        self._print(run, options["format"])
        return exit_status(run)

    def _start(self, options: dict[str, Any]) -> Iterator[tuple[JobRun, bool]]:
        """Start what is asked for; what failed is run again run by run, each under its own parameters."""
        job = get_job("monthly-billing")
        values: dict[str, Any] = {
            "dry_run": options["dry_run"] or settings.DRY_RUN,
            "organizations": options["organization"],
            "regenerate": options["regenerate"],
            "stripe": not options["no_stripe"],
            "email": not options["no_email"],
        }
        month = settings.PROCESS_MONTH if options["month"] is None else options["month"]
        if month is not None:
            values["month"] = month
        params = read_params(job, values)
        month = str(params.model_dump()["month"])
        reason = options["reason"].strip()
        if not options["rerun_failed"]:
            yield start(job, params, JobRun.Trigger.COMMAND, reason=reason)
            return
        failed = list_failed_runs(job, month=month)
        if not failed:
            raise InvalidParams({"rerun-failed": f"there is no run of {month} yet"})
        for run in failed:
            yield (run, False) if run.is_active else self._start_again(run, values, reason)

    def _start_again(self, run: JobRun, values: dict[str, Any], reason: str) -> tuple[JobRun, bool]:
        job = get_job("monthly-billing")
        # What the failed run was asked, and what this command leaves out of it besides.
        narrowed = {name: run.params[name] and values[name] for name in ("stripe", "email")}
        asked = read_params(job, {**run.params, **narrowed, "dry_run": values["dry_run"]})
        return start(job, asked, JobRun.Trigger.COMMAND, reason=reason, parent=run, mode=JobRun.Mode.FAILED)

    def _print(self, run: JobRun, form: str) -> None:
        differences = list(list_differences(run)) if run.dry_run else []
        if form == "json":
            body = {"run": run.pk, "status": run.status, "error": run.error, **run.summary}
            if run.dry_run:
                body["differences"] = differences
            self.stdout.write(json.dumps(body, indent=2))
            return
        if differences:
            self._print_differences(differences)
        self._print_summary(run)

    def _print_differences(self, differences: list[dict[str, Any]]) -> None:
        titles = ("Organization", "Would bill", "Invoiced", "Difference", "Month before", "Difference", "")
        table = [titles, *(_difference_row(row) for row in differences)]
        widths = [max(len(row[column]) for row in table) for column in range(6)]
        for row in table:
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:6], widths[1:], strict=True)),
            ]
            self.stdout.write("  ".join([*cells, row[6]]).rstrip())
        self.stdout.write("")

    def _print_summary(self, run: JobRun) -> None:
        summary = run.summary
        lines = {
            "Month": summary["month"],
            **({"Due by": summary["due_by"]} if "due_by" in summary else {}),
            "Dry run": "yes, nothing was kept" if summary["dry_run"] else "no",
            "Run": f"#{run.pk}, {run.get_status_display().lower()}{f': {run.error}' if run.error else ''}",
            "Organizations processed": f"{summary['organizations']:,} of {run.expected:,}",
            "Invoices": f"{summary['invoices']:,}",
            "Held for approval": f"{summary['held']:,}",
            **({"Early figures": f"{summary['early_figures']:,}"} if "early_figures" in summary else {}),
            "Errors": ", ".join(f"{name} {summary['errors'][name]:,}" for name in COMPONENTS),
            **({"Not delivered": f"{summary['not_delivered']:,}"} if "not_delivered" in summary else {}),
            "Invoiced": "; ".join(write_invoiced(summary)) or "none",
            "Processing time": f"{summary['seconds']:,} s",
        }
        for title, text in lines.items():
            self.stdout.write(f"{title + ':':26}{text}")
        for item in run.items.filter(status="failed").order_by("id")[:20]:
            self.stdout.write(f"  {item.key} failed at {item.step}: {item.error}")
        if run.failed > 20:
            self.stdout.write(f"  … and {run.failed - 20:,} more; the run's page in the admin lists them all.")


def _difference_row(row: dict[str, Any]) -> tuple[str, ...]:
    total, currency = row["total_cents"], row["currency"]
    cells = [row["organization"], _money(total, currency)]
    for other in (row["invoiced_cents"], row["former_total_cents"]):
        difference = None if total is None or other is None else total - other
        cells += [_money(other, currency), _money(difference, currency)]
    return (*cells, row["note"])


def _money(cents: int | None, currency: str) -> str:
    return "-" if cents is None else format_money(cents, currency or "USD")
