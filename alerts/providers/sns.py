"""A topic of Amazon SNS; the keys are the installation's own, as boto3 finds them."""

import re
from collections.abc import Mapping
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from alerts.providers.letters import Letter
from common.aws import open_client
from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?\Z")
_SECONDS = 10.0
_LONGEST_SUBJECT = 100
_LONGEST_TEXT = 60_000
_PERMANENT = {"NotFound", "NotFoundException", "InvalidParameter", "InvalidParameterException", "EndpointDisabled"}


def read_region(topic: str) -> str:
    """Return the region of a topic's ARN; Permanent, with a sentence for people, where it is none."""
    match = _TOPIC.match(topic)
    if not match:
        raise Permanent("Give the ARN of a topic, like arn:aws:sns:eu-west-1:123456789012:alerts.")
    return match[1]


def send(config: Mapping[str, Any], letter: Letter, *, endpoint: str = "") -> str:
    """Publish the message; a FIFO topic drops a repeat for five minutes, others drop none."""
    topic = config["topic"]
    client = open_client(
        "sns",
        _SECONDS,
        region_name=read_region(topic),
        endpoint_url=endpoint or None,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=_SECONDS),
    )
    try:
        answer = client.publish(TopicArn=topic, **_describe(topic, letter))
    except ClientError as error:
        raise _translate(error) from None
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        raise Retryable(f"SNS could not be reached ({type(error).__name__}).") from None
    except (ReadTimeoutError, ConnectionClosedError):
        raise OutcomeUnknown("SNS did not answer: it may have the message.") from None
    except BotoCoreError as error:
        raise Misconfigured(f"SNS can't be called: {type(error).__name__}.") from None
    finally:
        client.close()
    return str(answer["MessageId"])


def _describe(topic: str, letter: Letter) -> dict[str, Any]:
    subject = " ".join(letter.subject.encode("ascii", "replace").decode().split())[:_LONGEST_SUBJECT]
    attributes = {"reference": letter.reference, "severity": letter.severity}
    described: dict[str, Any] = {
        "Subject": subject,
        "Message": letter.text.encode()[:_LONGEST_TEXT].decode(errors="ignore"),
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
    if topic.endswith(".fifo"):
        described |= {"MessageGroupId": "alerts", "MessageDeduplicationId": letter.reference}
    return described


def _translate(error: ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if code in _PERMANENT or code.startswith("Invalid"):
        return Permanent(f"SNS refused the message ({code}).")
    if status in {401, 403}:
        return Misconfigured(f"SNS refuses the installation's AWS keys ({code}).")
    return Retryable(f"SNS answered {status} ({code}).")
