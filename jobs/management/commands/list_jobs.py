"""List the jobs."""

from typing import Any

from common.commands import OneLineCommand
from jobs.registry import list_jobs
from jobs.schedules import declared_schedules


class Command(OneLineCommand):
    """Prints every declared job with its schedule and parameters."""

    help = "List the jobs that can be run, with their schedules and parameters."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a block a job."""
        for job in list_jobs():
            schedules = declared_schedules(job)
            self.stdout.write(f"{job.name}: {job.title}")
            self.stdout.write(f"    schedule (UTC): {', '.join(filter(None, schedules.values())) or 'none'}")
            for name, field in job.Params.model_fields.items():
                self.stdout.write(f"    --{name.replace('_', '-')}: {field.description or ''}")
