"""Run any declared job."""

import argparse
import sys
from typing import Any, get_args, get_origin

from django.core.management.base import CommandParser
from pydantic.fields import FieldInfo

from common.commands import OneLineCommand, refuse
from jobs.console import default_output, exit_status, work_and_watch
from jobs.models import JobRun
from jobs.registry import Job, UnknownJob, get_job, list_jobs
from jobs.services import InvalidParams, read_params, start


class Command(OneLineCommand):
    """Starts a job; with --wait, works on it here until it has ended."""

    help = "Run a job: its parameters are its flags (see list_jobs)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the job's name and, after it, the job's own flags."""
        names = ", ".join(job.name for job in list_jobs())
        parser.add_argument("name", help=f"the job: {names}")
        parser.add_argument("--wait", action="store_true", help="work on it here and wait for its end")
        parser.add_argument("--workers", type=int, default=1, help="processes to work with, together with --wait")
        parser.add_argument("--reason", default="", help="why it is run; kept with the run")
        parser.add_argument("params", nargs=argparse.REMAINDER, help="--parameter value …")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the job."""
        try:
            job = get_job(options["name"])
        except UnknownJob as error:
            raise refuse(str(error)) from None
        own, values = read_flags(job, options)
        if not 1 <= own.workers <= 64:
            raise refuse("--workers: give a number from 1 to 64.")
        try:
            run, created = start(job, read_params(job, values), JobRun.Trigger.COMMAND, reason=own.reason)
        except InvalidParams as error:
            raise refuse(str(error)) from None
        if not created:
            self.stderr.write(f"{run} is under way already; nothing new was started.")
        if own.wait:
            run = work_and_watch(run, own.workers, default_output())
            self.stdout.write(f"{run}: {run.get_status_display()}. {run.error}".rstrip())
            sys.exit(exit_status(run))
        self.stdout.write(f"Started {run}.")


def read_flags(job: type[Job], options: dict[str, Any]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Split what follows the job's name into the command's own flags and the job's parameters."""
    parser = _FlagParser(prog=f"manage.py run_job {job.name}", add_help=True, allow_abbrev=False)
    parser.add_argument("--wait", action="store_true", default=options["wait"])
    parser.add_argument("--workers", type=int, default=options["workers"])
    parser.add_argument("--reason", default=options["reason"])
    for name, field in job.Params.model_fields.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=f"param_{name}", **_how(name, field))
    own = parser.parse_args(options["params"])
    given = {name: getattr(own, f"param_{name}") for name in job.Params.model_fields}
    return own, {name: value for name, value in given.items() if value is not None}


class _FlagParser(argparse.ArgumentParser):
    """Answers wrong usage with one line, as the command does."""

    def print_usage(self, file: Any = None) -> None:
        """Print nothing."""


def _how(name: str, field: FieldInfo) -> dict[str, Any]:
    kind: Any = field.annotation
    explained = (field.description or "").replace("%", "%%")
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction, "default": None, "help": explained}
    many = get_origin(kind) in {list, tuple} and bool(get_args(kind))
    return {
        "action": "append" if many else "store",
        "default": None,
        "metavar": name.upper(),
        "help": explained,
    }
