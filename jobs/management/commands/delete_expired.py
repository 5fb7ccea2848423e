"""Delete what is no longer kept."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from common.clock import now
from common.commands import OneLineCommand, refuse
from jobs.retention import Retention, list_retentions
from jobs.services.forgetting import delete_expired


class Command(OneLineCommand):
    """Shows how long things are kept, and deletes what is older."""

    help = "Delete what is no longer kept, and show how long everything is kept. Safe to repeat and to interrupt."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which of them, and whether to look only."""
        parser.add_argument("names", nargs="*", metavar="name", help="only these; all, if none is named")
        parser.add_argument("--dry-run", action="store_true", help="count what would be deleted, and delete nothing")

    def handle(self, *args: Any, names: list[str], dry_run: bool, **options: Any) -> None:
        """Print a line for each."""
        known = {retention.name: retention for retention in list_retentions()}
        if unknown := set(names) - known.keys():
            raise refuse(f"Nothing is kept under the name {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
        for name in names or known:
            self.stdout.write(self._describe(known[name], dry_run=dry_run))

    def _describe(self, retention: Retention, *, dry_run: bool) -> str:
        if retention.delete is None or retention.days is None:
            return f"{retention.name}: {retention.title}. {retention.reason}"
        if dry_run:
            # The real deletion, taken back.
            with transaction.atomic():
                count = delete_expired(retention, now())
                transaction.set_rollback(True)
        else:
            count = delete_expired(retention, now())
        span = f"kept for {retention.days} days" if retention.days else "kept until they expire"
        outcome = f"{count:,} would be deleted" if dry_run else f"{count:,} deleted"
        return f"{retention.name}: {retention.title}, {span}, {outcome}. {retention.reason}"
