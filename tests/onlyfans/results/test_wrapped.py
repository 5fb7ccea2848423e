"""What S3 tells through SNS and through EventBridge, wrapped by moto's own services on the way to the queue."""

import json
from typing import Any

import boto3
import pytest

from onlyfans.models import ResultFile
from onlyfans.services.results import process_files
from onlyfans.services.results.consuming import poll_queue
from tests.onlyfans.results.world import REGION, World, fans, look_at_figures

pytestmark = pytest.mark.django_db


def _open(world: World, service: str) -> Any:
    opened: Any = boto3.client(  # type: ignore[call-overload]  # the service's name is no literal
        service,
        endpoint_url=world.endpoint,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    return opened


def through_sns(world: World) -> None:
    sns = _open(world, "sns")
    topic = sns.create_topic(Name=world.bucket)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=world.queue_arn)
    told = {"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}
    world.s3.put_bucket_notification_configuration(
        Bucket=world.bucket, NotificationConfiguration={"TopicConfigurations": [told]}
    )


def through_eventbridge(world: World) -> None:
    events = _open(world, "events")
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [world.bucket]}}}
    events.put_rule(Name=world.bucket, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=world.bucket, Targets=[{"Id": "queue", "Arn": world.queue_arn}])
    world.s3.put_bucket_notification_configuration(
        Bucket=world.bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


@pytest.mark.parametrize("wire", [through_sns, through_eventbridge])
def test_wrapped_by_the_service_itself(world: World, wire: Any) -> None:
    wire(world)
    world.put("a job", fans())
    assert poll_queue() > 0
    process_files()
    assert list(ResultFile.objects.values_list("job_id", "status", "door")) == [("a job", "done", "sqs")]
    assert look_at_figures()["ada", "fans"] == 120
    assert world.count_messages() == 0
