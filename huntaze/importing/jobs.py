"""The job that brings a table of the former system in."""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal

from django.conf import settings
from pydantic import Field

from common.errors import NotYet
from huntaze.importing.running import (
    COUNTS,
    begin_import,
    count_segments,
    describe,
    import_segment,
    rehearse_segment,
)
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Column, Job, JobParams, job

# So long a worker stays with a segment before others have their turn.
_SLICE_SECONDS = 60


def _show(name: str, result: dict[str, Any]) -> str:
    return f"{result[name]:,}" if name in result else ""


def _default_prefix() -> str:
    return str(settings.DYNAMODB_TABLE_PREFIX)


@job(
    "import-dynamodb",
    title="Former tables import",
    permission="huntaze.run_tableimport",
    overlap="forbid",
    batch_size=64,
)
class ImportDynamoDB(Job):
    """Brings one table of the former system in, page by page; begun again, it goes on where it was stopped."""

    columns = tuple(Column(name.capitalize(), partial(_show, name), numeric=True) for name in COUNTS)
    summary_order = ("table", "dry_run", *COUNTS)

    class Params(JobParams):
        """Which table, and how."""

        table: Literal[
            "users",
            "oauth-tokens",
            "of-aggregates",
            "of-threads",
            "of-messages",
            "analytics-events",
            "stripe-events",
        ] = Field(description="Which of the former system's tables.")
        prefix: str = Field(
            default_factory=_default_prefix,
            max_length=100,
            pattern=r"^[A-Za-z0-9_.-]*$",
            description="What stands before the table's name.",
        )
        segments: int = Field(1, ge=1, le=64, description="Parts that are read at the same time.")
        restart: bool = Field(False, description="Begin anew, even where an import was stopped and could go on.")
        dry_run: bool = Field(False, description="Read all and say what would become of it; keep nothing.")

    @property
    def name_of_table(self) -> str:
        return f"{self.params.prefix}{self.params.table}"

    def overlap_scope(self) -> str:
        """Let one run a table do it."""
        return self.name_of_table

    def keys(self) -> Iterable[str]:
        """Expect each segment."""
        params = self.params
        total = params.segments
        if not params.dry_run:
            total = count_segments(self.name_of_table, params.segments, restart=params.restart)
        return [f"{number + 1} of {total}" for number in range(total)]

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Bring segments in, several at once; a long one gives way to others from time to time."""
        context.map(partial(self._rehearse if context.dry_run else self._bring, context), keys)

    def _rehearse(self, context: Context, key: str) -> None:
        number, total = _read_key(key)
        counts, refused = rehearse_segment(self.name_of_table, self.params.table, number, total, context.check)
        context.note(key, **{name: counts[name] for name in COUNTS}, refused=refused)

    def _bring(self, context: Context, key: str) -> None:
        number, total = _read_key(key)
        table_import = begin_import(
            self.name_of_table,
            self.params.table,
            total,
            context.run.pk,
            describe(self.name_of_table).estimate,
            restart=self.params.restart,
        )
        is_through = import_segment(table_import, number, context.check, time.monotonic() + _SLICE_SECONDS)
        part = table_import.parts.get(number=number)
        context.note(key, **{name: getattr(part, name) for name in COUNTS})
        if not is_through:
            raise NotYet("Others have their turn; it goes on where it stands.", retry_after=0)

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Sum the segments up."""
        results = list(run.items.values_list("result", flat=True))
        sums = {name: sum(int(result.get(name, 0)) for result in results) for name in COUNTS}
        return {"table": self.name_of_table, "dry_run": run.dry_run, **sums}

    @classmethod
    def link(cls, key: str, result: dict[str, Any]) -> tuple[str, str] | None:
        """Lead nowhere: a segment has no page of its own."""
        return None


def _read_key(key: str) -> tuple[int, int]:
    number, total = key.split(" of ")
    return int(number) - 1, int(total)
