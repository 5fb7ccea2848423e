"""Bring a table of the former system in."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from common.commands import SOME_FAILED, OneLineCommand, refuse
from common.importing import TABLES, find_importer
from huntaze.importing.rejects import write_rejects
from huntaze.importing.running import COUNTS, find_import, sum_counts, take_over_kept
from jobs.console import default_output, exit_status, work_and_watch
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import InvalidParams, read_params, start


class Command(OneLineCommand):
    """Starts the job that brings a table in, works on it here and prints what became of the records."""

    help = "Bring a DynamoDB table in: exit status 0 all well, 1 something failed or was refused, 2 wrong usage."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what can be asked of an import."""
        names = ", ".join(f"{settings.DYNAMODB_TABLE_PREFIX}{table}" for table in TABLES)
        parser.add_argument("--table", required=True, help=f"one of {names}; with or without the prefix")
        parser.add_argument("--prefix", default=settings.DYNAMODB_TABLE_PREFIX, help="what stands before the name")
        parser.add_argument("--segments", type=int, default=1, help="parts that are read at the same time")
        parser.add_argument("--workers", type=int, default=1, help="processes to work with")
        parser.add_argument("--restart", action="store_true", help="begin anew instead of going on")
        parser.add_argument("--dry-run", action="store_true", help="say what would become of it, keep nothing")
        parser.add_argument(
            "--from-kept", action="store_true", help="hand what is kept here to its importer; ask DynamoDB for nothing"
        )
        parser.add_argument("--rejects", type=Path, metavar="FILE", help="write the refused records to a CSV file")
        parser.add_argument("--reason", default="", help="why; kept with the run")

    def handle(self, *args: Any, **options: Any) -> None:
        """Bring it in and end with a status."""
        table = str(options["table"]).removeprefix(options["prefix"])
        if table not in TABLES:
            raise refuse(f"--table: there is no {options['table']}; there are {', '.join(TABLES)}.")
        if not 1 <= options["workers"] <= 64:
            raise refuse("--workers: give a number from 1 to 64.")
        name = f"{options['prefix']}{table}"
        if options["from_kept"]:
            self._take_over(name, table)
            return
        run = self._run(table, options)
        self._print(run, name, table)
        if options["rejects"]:
            self._write_rejects(name, options["rejects"])
        status = exit_status(run)
        sys.exit(status or (SOME_FAILED if run.summary.get("rejected") else status))

    def _run(self, table: str, options: dict[str, Any]) -> JobRun:
        job = get_job("import-dynamodb")
        values = {name: options[name] for name in ("prefix", "segments", "restart", "dry_run")}
        try:
            params = read_params(job, {"table": table, **values})
        except InvalidParams as error:
            raise refuse(str(error)) from None
        run, created = start(job, params, JobRun.Trigger.COMMAND, reason=options["reason"])
        if not created:
            self.stderr.write(f"{run} is at it already; waiting for it instead of starting another.")
        measure = None if run.dry_run else _measure(f"{options['prefix']}{table}")
        return work_and_watch(run, options["workers"], default_output(), measure)

    def _print(self, run: JobRun, name: str, table: str) -> None:
        table_import = None if run.dry_run else find_import(name)
        counts = sum_counts(table_import) if table_import else run.summary
        ended = run.get_status_display().lower()
        self.stdout.write(
            f"{name}: {ended}{', a dry run that kept nothing' if run.dry_run else ''}. {run.error}".strip()
        )
        for count in COUNTS:
            self.stdout.write(f"  {count:10}{int(counts.get(count, 0)):>14,}")
        if find_importer(table) is None:
            self.stdout.write("Nobody takes this table in yet: its records are kept, encrypted, until an app does.")
        for item in run.items.filter(status="failed").order_by("id")[:5]:
            self.stdout.write(f"  Segment {item.key} failed: {item.error}")
        for item in run.items.all() if run.dry_run else ():
            for key, reasons in item.result.get("refused", {}).items():
                said = " ".join(f"{field}: {text}" for field, text in reasons.items())
                self.stdout.write(f"  {key} would be refused. {said}")

    def _write_rejects(self, name: str, path: Path) -> None:
        table_import = find_import(name)
        with path.open("w", newline="", encoding="utf-8") as file:
            file.writelines(write_rejects(table_import) if table_import else ())

    def _take_over(self, name: str, table: str) -> None:
        try:
            counts = take_over_kept(name, table)
        except LookupError as error:
            raise refuse(str(error)) from None
        self.stdout.write(f"{name}: {sum(counts.values()):,} records that were kept.")
        for count in COUNTS[1:]:
            self.stdout.write(f"  {count:10}{counts[count]:>14,}")


def _measure(name: str) -> Any:
    def measure() -> tuple[int, int]:
        """Tell how many records are read, of about how many."""
        table_import = find_import(name)
        if table_import is None:
            return 0, 0
        return sum_counts(table_import)["read"], table_import.estimate or 0

    return measure
