"""A bucket whose notifications go to a queue, both moto's, and what workers write into it."""

import json
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import boto3
from botocore.config import Config

from onlyfans.models import CreatorFigures, EarningsAggregate, ResultFile
from tests.s3 import running_moto

REGION = "us-east-1"
SEEN = "2026-11-02T10:00:00Z"
EARNED = {"tips": {"grossCents": 1000, "netCents": 800}, "messages": {"grossCents": 500, "netCents": 400}}


def describe(kind: str, user: str, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Write what a worker writes."""
    return {"kind": kind, "version": 1, "userId": user, "observedAt": SEEN, "data": data, **more}


def earnings(user: str = "ada", month: str = "2026-10", parts: Any = EARNED, **more: Any) -> dict[str, Any]:
    return describe("earnings", user, {"currency": "USD", "months": {month: parts}}, **more)


def fans(user: str = "ada", count: int = 120, **more: Any) -> dict[str, Any]:
    return describe("fans", user, {"fans": count, "fansExpired": 7}, **more)


# What boto3 makes of any service, without a type for each.
_open: Any = partial(boto3.client, aws_access_key_id="testing", aws_secret_access_key="testing")


class World:
    """A bucket and its queue; its settings are what an installation would have in its environment."""

    def __init__(self) -> None:
        mark = uuid.uuid4().hex[:12]
        self.bucket, self.endpoint = f"results-{mark}", running_moto()
        place = {"endpoint_url": self.endpoint, "region_name": REGION}
        config = Config(s3={"addressing_style": "path"})
        self.s3: Any = _open("s3", config=config, **place)
        self.sqs: Any = _open("sqs", **place)
        self.s3.create_bucket(Bucket=self.bucket)
        self.queue_url: str = self.sqs.create_queue(QueueName=f"results-{mark}")["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])
        self.queue_arn: str = found["Attributes"]["QueueArn"]

    def notify(self) -> None:
        """Let the bucket tell the queue of what is stored, as infrastructure/ sets it up."""
        rules = [{"Name": "prefix", "Value": "jobs/"}, {"Name": "suffix", "Value": "result.json"}]
        told = {"QueueArn": self.queue_arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": [told]}
        )

    def put(self, job: str, body: Any, **more: Any) -> str:
        """Store a worker's result; return its ETag."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.s3.put_object(Bucket=self.bucket, Key=f"jobs/{job}/result.json", Body=raw, **more)
        return str(answer["ETag"]).strip('"')

    def tell(self, body: str) -> None:
        """Put a message into the queue by hand."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def count_messages(self) -> int:
        """Count the messages that wait or are in somebody's hands."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def envelope(self, job: str, etag: str, sequencer: str = "0A", **more: Any) -> dict[str, Any]:
        """Write what EventBridge delivers of a stored result."""
        thing = {"key": f"jobs/{job}/result.json", "size": 9, "etag": etag, "sequencer": sequencer}
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": "123456789012",
            "time": SEEN,
            "region": REGION,
            "resources": [f"arn:aws:s3:::{self.bucket}"],
            "detail": {"version": "0", "bucket": {"name": self.bucket}, "object": thing, "reason": "PutObject"},
            **more,
        }


def look_at_files() -> list[tuple[str, str, str]]:
    """List the files by job: what became of them, and by which creator."""
    return list(ResultFile.objects.order_by("job_id", "id").values_list("job_id", "status", "user_id"))


def look_at_figures() -> dict[tuple[str, str], int | str | None]:
    """List what is known of creators."""
    rows = CreatorFigures.objects.values_list("user_id", "metric", "value", "text")
    return {(user, metric): text or value for user, metric, value, text in rows}


def look_at_earnings() -> dict[tuple[str, str, str], tuple[int, int]]:
    """List what stands of earnings, without what came to nothing."""
    rows = EarningsAggregate.objects.exclude(gross_cents=0, net_cents=0)
    found = rows.values_list("creator__onlyfans_user_id", "month", "category", "gross_cents", "net_cents")
    return {(user, f"{month:%Y-%m}", category): (gross, net) for user, month, category, gross, net in found}
