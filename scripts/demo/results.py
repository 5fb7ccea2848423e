"""What workers leave in the bucket of result files, and the queue in which the bucket tells of it."""

import json
from datetime import UTC, datetime
from typing import Any

BUCKET = QUEUE = "huntaze-results"
REGION = "us-east-1"
# moto's own, in each queue's address.
_ACCOUNT = "123456789012"
_KEYS = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}


def queue_url(storage_url: str) -> str:
    """Return the address that the queue has."""
    return f"{storage_url}/{_ACCOUNT}/{QUEUE}"


def set_up(storage_url: str) -> None:
    """Let a bucket tell a queue of what is stored; what stands there already stays."""
    s3, sqs = _open("s3", storage_url), _open("sqs", storage_url)
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET)
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rules = [{"Name": "prefix", "Value": "jobs/"}, {"Name": "suffix", "Value": "result.json"}]
    told = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [told]})


def let_workers_deliver(storage_url: str) -> int:
    """Store what workers saw of a few creators, one of them in a form that is no more; return how many files."""
    s3, seen = _open("s3", storage_url), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    results = list(_results())
    for kind, user, data in results:
        body = {"kind": kind, "version": 1, "userId": user, "observedAt": seen, "data": data}
        s3.put_object(Bucket=BUCKET, Key=f"jobs/{kind}-{user}/result.json", Body=json.dumps(body).encode())
    return len(results)


def _results() -> list[tuple[str, str, dict[str, Any]]]:
    month = datetime.now(UTC).strftime("%Y-%m")
    earned = {
        "subscriptions": {"grossCents": 812_000, "netCents": 649_600},
        "tips": {"grossCents": 96_500, "netCents": 77_200},
    }
    profile = {"username": "demo", "displayName": "Demo", "posts": 212, "likes": 40_120, "subscribePriceCents": 999}
    return [
        ("earnings", "demo011", {"currency": "USD", "months": {month: earned}}),
        ("fans", "demo011", {"fans": 1_204, "fansExpired": 310}),
        ("messages", "demo011", {"messagesSent": 5_210, "messagesReceived": 4_003, "replies": 2_950}),
        ("profile", "demo021", profile),
        ("fans", "demo031", {"fans": "many"}),
        ("fans", "of-somebody-new", {"fans": 87, "fansExpired": 0}),
    ]


def _open(service: str, storage_url: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"})
    opened: Any = boto3.client(  # type: ignore[call-overload]  # the service's name is no literal
        service, endpoint_url=storage_url, region_name=REGION, config=config, **_KEYS
    )
    return opened
