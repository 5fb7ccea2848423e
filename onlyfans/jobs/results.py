"""Result files that nobody told of: found by listing the bucket, and read."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.conf import settings

from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Column, Job, job
from onlyfans.models import ResultFile
from onlyfans.services.results import QUEUE, process_files
from onlyfans.services.results.repairing import repair_pages

_FIGURES = ("found", "missing", "done", "rejected", "waiting")


def _show(name: str, result: dict[str, Any]) -> str:
    return f"{result[name]:,}" if name in result else "-"


@job(
    "ingest-results",
    title="Ingest result files",
    schedule="37 * * * *",
    overlap="forbid",
    queue=QUEUE,
    batch_size=1,
    http=True,
)
class IngestResults(Job):
    """Lists the bucket of result files, takes in what nobody told of, and reads it."""

    columns = tuple(Column(name.capitalize(), partial(_show, name), numeric=True) for name in _FIGURES)
    summary_order = _FIGURES

    def keys(self) -> Iterable[str]:
        """Expect the bucket; nothing where there is none."""
        return [settings.RESULTS_BUCKET] if settings.RESULTS_BUCKET else []

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Go through the bucket page by page, reading what was missing on each before the next is listed.

        A page at a time is in memory, and what is read stays read: whoever begins again finds it done.
        """
        for key in keys:
            figures = dict.fromkeys(_FIGURES, 0)
            for found, missing in repair_pages():
                context.check()
                process_files(missing, seconds=math.inf, goes_on=context.check)
                figures["found"] += found
                figures["missing"] += len(missing)
                _count(missing, figures)
            context.note(key, **figures)

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Repeat the figures."""
        results = list(run.items.values_list("result", flat=True))
        return {name: sum(int(result.get(name, 0)) for result in results) for name in _FIGURES}


def _count(ids: Sequence[int], figures: dict[str, int]) -> None:
    """Count what became of files, which others may have read meanwhile."""
    for status in ResultFile.objects.filter(pk__in=ids).values_list("status", flat=True):
        if status in ResultFile.UNENDED:
            figures["waiting"] += 1
        else:
            figures["rejected" if status in ResultFile.LEFT else "done"] += 1
