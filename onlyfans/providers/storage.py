"""The bucket in which workers leave their results: reading one version of a file, listing many."""

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, ResponseStreamingError

from common.aws import open_client
from common.bounds import bounded
from common.errors import Misconfigured, Permanent, Retryable, WorkError
from onlyfans.providers.notifications import StoredFile

# The whole of a call, and all of reading a file.
_SECONDS, _READ_SECONDS = 30.0, 60.0
# A thousand keys are listed at once.
_LARGEST_PAGE = 5_000_000
_CHUNK = 64 * 1024
_GONE = {"NoSuchKey", "404"}
_MISMATCH = {"PreconditionFailed", "412"}
# Archived: somebody has to restore it.
_ARCHIVED = {"InvalidObjectState"}
_OURS = {"NoSuchBucket", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "PermanentRedirect", "403"}


class Replaced(Exception):
    """Another version stands at the key than the one that was asked for."""


class TooLarge(Exception):
    """The file has more bytes than are read; `size` is how many it says it has."""

    def __init__(self, size: int | None) -> None:
        super().__init__()
        self.size = size


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, and when they were stored, by S3's clock."""

    body: bytearray
    written_at: dt.datetime
    encoding: str


class Bucket:
    """One bucket; credentials are whatever boto3 finds. It may be shared by threads."""

    def __init__(self, name: str, region: str, endpoint: str, connections: int) -> None:
        self.name = name
        self._client: Any = open_client(
            "s3",
            _SECONDS,
            _LARGEST_PAGE,
            region_name=region or None,
            endpoint_url=endpoint or None,
            config=Config(
                s3={"addressing_style": "path" if endpoint else "auto"},
                max_pool_connections=connections,
                # Retries are written down, with growing pauses, by whoever reads.
                retries={"total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=20,
                # It would be computed over what is compared by its ETag anyway.
                response_checksum_validation="when_required",
            ),
        )

    def read(self, key: str, etag: str, most: int) -> Content:
        """Read one version of a file, of at most so many bytes.

        Raises Replaced where another version stands there, TooLarge, Permanent where nothing does, Retryable where
        another time may go better, Misconfigured where the bucket or the keys to it are wrong.
        """
        try:
            with bounded(_READ_SECONDS, most + _LARGEST_PAGE):
                answer = self._client.get_object(Bucket=self.name, Key=key, IfMatch=f'"{etag}"')
                # Entered by itself, it would hand out the stream that does not compare its length with what was
                # announced.
                with closing(answer["Body"]) as stream:
                    return self._take(answer, stream, etag, most)
        except ClientError as error:
            raise _translate(error) from None
        except NoCredentialsError:
            raise Misconfigured("There are no AWS keys to read result files with.") from None
        except (HTTPClientError, ResponseStreamingError, BotoCoreError, OSError) as error:
            raise Retryable(f"The bucket could not be read ({type(error).__name__}).") from None

    def _take(self, answer: dict[str, Any], stream: Any, etag: str, most: int) -> Content:
        if answer["ETag"].strip('"') != etag:
            raise Replaced
        declared = answer.get("ContentLength")
        if declared is not None and declared > most:
            raise TooLarge(declared)
        body = bytearray()
        while chunk := stream.read(_CHUNK):
            body += chunk
            if len(body) > most:
                raise TooLarge(declared)
        return Content(body, answer["LastModified"], answer.get("ContentEncoding", ""))

    def look(self, key: str) -> StoredFile | None:
        """Ask which version of a file stands there now; None where there is none."""
        try:
            answer = self._client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            problem = _translate(error)
            if isinstance(problem, Permanent):
                return None
            raise problem from None
        except BotoCoreError as error:
            raise Retryable(f"The bucket could not be read ({type(error).__name__}).") from None
        etag, size = answer["ETag"].strip('"'), answer["ContentLength"]
        return StoredFile(self.name, key, etag, size=size, written_at=answer["LastModified"])

    def list(self, prefix: str) -> Iterator[list[StoredFile]]:
        """List what stands below a prefix, page by page; raises as reading does."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        try:
            for page in pages:
                yield [
                    StoredFile(
                        self.name,
                        found["Key"],
                        found["ETag"].strip('"'),
                        size=found["Size"],
                        written_at=found["LastModified"],
                    )
                    for found in page.get("Contents", ())
                ]
        except ClientError as error:
            raise _translate(error) from None
        except NoCredentialsError:
            raise Misconfigured("There are no AWS keys to list result files with.") from None
        except BotoCoreError as error:
            raise Retryable(f"The bucket could not be listed ({type(error).__name__}).") from None


def _translate(error: ClientError) -> WorkError | Replaced:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if code in _MISMATCH:
        return Replaced()
    if code in _GONE:
        return Permanent("It is no longer in the bucket.")
    if code in _ARCHIVED:
        return Permanent("It is archived: restore it, then read it again.")
    if code in _OURS or status in {301, 401, 403}:
        return Misconfigured(f"The bucket of result files refuses us ({code}).")
    return Retryable(f"The bucket answered {status} ({code}).")
