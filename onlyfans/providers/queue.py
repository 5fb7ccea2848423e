"""The queue into which S3 (or SNS, or EventBridge) puts its notifications."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from common.aws import open_client
from common.errors import Misconfigured, Retryable

_AT_ONCE = 10
_LONGEST_WAIT = 20
# Ten messages of a megabyte, each written as a JSON text.
_MOST_BYTES = 30_000_000
_OURS = {
    "AccessDenied",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "InvalidAddress",
    "UnrecognizedClientException",
}
_NO_QUEUE = ("NonExistentQueue", "QueueDoesNotExist")


@dataclass(frozen=True, slots=True)
class Message:
    """One message in our hands; `receipt` is what it is deleted by."""

    id: str
    receipt: str
    body: str


class Queue:
    """One queue of SQS; credentials are whatever boto3 finds."""

    def __init__(self, url: str, region: str, endpoint: str) -> None:
        self._url = url
        self._client: Any = open_client(
            "sqs",
            _LONGEST_WAIT + 10.0,
            _MOST_BYTES,
            region_name=region or _region_of(url) or None,
            endpoint_url=endpoint or None,
            config=Config(retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=_LONGEST_WAIT + 10),
        )

    def receive(self, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        """Receive up to ten messages, waiting for the first; nobody else gets them for so many seconds."""
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=_AT_ONCE,
            WaitTimeSeconds=min(wait_seconds, _LONGEST_WAIT),
            VisibilityTimeout=visibility_seconds,
        )
        return [Message(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in answer.get("Messages", ())]

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages; one that can't be deleted comes again, which changes nothing."""
        entries = [{"Id": str(place), "ReceiptHandle": one.receipt} for place, one in enumerate(messages)]
        if entries:
            self._call("delete_message_batch", Entries=entries)

    def _call(self, name: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, name)(QueueUrl=self._url, **arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _OURS or code.endswith(_NO_QUEUE):
                raise Misconfigured(f"The queue of result files refuses us ({code}).") from None
            raise Retryable(f"The queue of result files answered {code}.") from None
        except NoCredentialsError:
            raise Misconfigured("There are no AWS keys to read the queue of result files with.") from None
        except BotoCoreError as error:
            raise Retryable(f"The queue of result files could not be read ({type(error).__name__}).") from None
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _region_of(url: str) -> str:
    """Return the region that a queue's own address names; empty where it names none."""
    host = (urlsplit(url).hostname or "").split(".")
    return host[1] if len(host) > 2 and host[0] == "sqs" else ""
