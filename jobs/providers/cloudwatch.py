"""Results of runs as CloudWatch metrics."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ReadTimeoutError

from common.aws import open_client
from common.errors import OutcomeUnknown, Retryable

_SECONDS = 10.0
# What one call takes, by the service's own limit.
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    job: str
    status: str
    ended_at: dt.datetime
    seconds: float
    done: int
    skipped: int
    failed: int
    missing: int


class CloudWatch:
    """The metrics of one namespace; credentials are whatever boto3 finds."""

    def __init__(self, namespace: str, region: str = "", endpoint: str = "") -> None:
        self._namespace = namespace
        self._client: Any = open_client(
            "cloudwatch",
            _SECONDS,
            region_name=region or None,
            endpoint_url=endpoint or None,
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
        )

    def put_results(self, results: Iterable[RunResult]) -> None:
        """Send the results' figures, each at the time when its run ended.

        Raises Retryable where nothing was taken, OutcomeUnknown where that is not known.
        """
        for data in batched((datum for result in results for datum in _data(result)), _AT_ONCE):
            self._put(data)

    def _put(self, data: Sequence[dict[str, Any]]) -> None:
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=list(data))
        except (ReadTimeoutError, ConnectionClosedError) as error:
            raise OutcomeUnknown(f"CloudWatch did not answer ({type(error).__name__}).") from None
        except ClientError as error:
            raise Retryable(f"CloudWatch refused the metrics ({error.response['Error'].get('Code')}).") from None
        except BotoCoreError as error:
            raise Retryable(f"CloudWatch could not be reached ({type(error).__name__}).") from None


def _data(result: RunResult) -> Iterable[dict[str, Any]]:
    job = {"Name": "Job", "Value": result.job}
    status = {"Name": "Status", "Value": result.status}
    yield _datum("RunsEnded", 1, "Count", result, job, status)
    yield _datum("RunDuration", result.seconds, "Seconds", result, job)
    for name, count in (
        ("ItemsDone", result.done),
        ("ItemsSkipped", result.skipped),
        ("ItemsFailed", result.failed),
        ("ItemsMissing", result.missing),
    ):
        yield _datum(name, count, "Count", result, job)


def _datum(name: str, value: float, unit: str, result: RunResult, *dimensions: dict[str, str]) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Value": value,
        "Unit": unit,
        "Timestamp": result.ended_at,
        "Dimensions": list(dimensions),
    }
