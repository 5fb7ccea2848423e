"""Result files as rows, whatever became of them."""

from itertools import count
from typing import Any

from common.clock import now
from onlyfans.models import ResultFile

_numbers = count(1)


def make_result(status: str = ResultFile.Status.DONE, **fields: Any) -> ResultFile:
    """Make the row of a file."""
    number = next(_numbers)
    job = f"job-{number}"
    values = {
        "bucket": "results",
        "key": f"jobs/{job}/result.json",
        "etag": f"{number:032x}",
        "job_id": job,
        "door": "sqs",
        "status": status,
        "finished_at": None if status in ResultFile.UNENDED else now(),
        **fields,
    }
    return ResultFile.objects.create(**values)


def make_rejected(**fields: Any) -> ResultFile:
    """Make the row of a file that does not fit its schema."""
    reasons = [{"field": "data.fans", "why": "Give a whole number."}]
    return make_result(**{"status": ResultFile.Status.REJECTED, "reasons": reasons, "attempts": 1, **fields})
