"""Compare our books with Stripe's, and repair ours after a backup was restored."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from billing.models import Invoice
from billing.services.books import get_books, resume_deliveries, stop_deliveries
from billing.services.reconciling import Pair, State, compare_books, describe_difference
from billing.services.restoring import WHO, repair
from common.clock import Month
from common.commands import OneLineCommand, refuse
from common.errors import Permanent, WorkError
from common.money import format_money
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start

_TITLES = ("Number", "Organization", "Month", "In Stripe", "Here", "State", "Stripe's id")
_AMOUNTS = (3, 4)


class Command(OneLineCommand):
    """Prints what differs; deliveries are switched off while the books differ, until somebody says go."""

    help = "Compare our books with Stripe's: exit status 0 they agree, 1 they differ, 2 wrong usage."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what is to be done about differences."""
        parser.add_argument("--repair", action="store_true", help="restore what our books lost, as Stripe has it")
        parser.add_argument("--resume", metavar="REASON", help="switch deliveries on again, and say why")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, repair, resume."""
        try:
            differs = self._reconcile(repairs=options["repair"])
            if options["resume"] is not None:
                resume_deliveries(actor=None, reason=options["resume"], who="manage.py reconcile_stripe")
                self.stdout.write("Deliveries are switched on.")
            elif stopped_at := get_books().stopped_at:
                self.stdout.write(
                    f"Deliveries are switched off since {stopped_at:%Y-%m-%d %H:%M} UTC. Switch them on again on the "
                    'list of invoices, or by --resume "why".'
                )
        except Permanent as error:
            raise refuse(error.message) from None
        except WorkError as error:
            self.stderr.write(error.message)
            sys.exit(1)
        sys.exit(1 if differs else 0)

    def _reconcile(self, *, repairs: bool) -> bool:
        """Compare, and repair if asked to; return whether the books differ still."""
        pairs = compare_books()
        left: dict[str, str] = {}
        if difference := describe_difference(pairs):
            stop_deliveries(f"Our books and Stripe's differ: {difference}. Run manage.py reconcile_stripe.", who=WHO)
        if difference and repairs:
            repaired, left = repair(pairs)
            self.stdout.write(f"Repaired: {len(repaired):,} documents.")
            self._lay_out(repaired)
            pairs = compare_books()
        self._print(pairs, left)
        return bool(describe_difference(pairs))

    def _lay_out(self, repaired: list[Invoice]) -> None:
        """Lay out and store the PDFs of what was restored; nothing is sent."""
        if repaired:
            job = get_job("deliver-invoices")
            ids = tuple(invoice.pk for invoice in repaired)
            params = read_params(job, {"invoices": ids, "stripe": False, "email": False})
            run, _ = start(job, params, JobRun.Trigger.COMMAND, reason="Restored from Stripe")
            self.stdout.write(f"Their PDFs are laid out by {run}; nothing is sent.")

    def _print(self, pairs: list[Pair], left: dict[str, str]) -> None:
        differing = [pair for pair in pairs if pair.state != State.IN_STEP]
        self.stdout.write(f"In step: {len(pairs) - len(differing):,} documents.")
        if not differing:
            self.stdout.write("Our books and Stripe's agree.")
            return
        self.stdout.write(f"They differ: {describe_difference(pairs)}.")
        table = [_TITLES, *(_row(pair) for pair in differing)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for place, row in enumerate(table):
            cells = [
                cell.rjust(width) if column in _AMOUNTS else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.stdout.write("  ".join(cells).rstrip())
            there = differing[place - 1].there if place else None
            if there is not None and there.id in left:
                self.stdout.write(f"    {left[there.id]}")


def _row(pair: Pair) -> tuple[str, ...]:
    there, here = pair.there, pair.here
    month = Month.of(there.identity.month) if there else here.period if here else ""
    return (
        pair.number or "-",
        here.organization_id if here else there.identity.organization if there else "",
        str(month),
        f"{format_money(there.total_cents, there.currency)}, {there.status}" if there else "-",
        f"{format_money(here.total_cents, here.currency)}, {here.get_status_display().lower()}" if here else "-",
        pair.state.value,
        there.id if there else "-",
    )
