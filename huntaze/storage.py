"""Files in S3, each small enough to go up in one request."""

from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from common.aws import bind
from common.bounds import bounded

if TYPE_CHECKING:
    from django.core.files.base import File


# The whole of a call, and the largest file that is read.
_SECONDS, _MOST_BYTES = 60.0, 100_000_000


class WholeFileS3Storage(S3Storage):
    """Puts a file in one request, from memory.

    The library's own way is made for files of any size, and takes several times the processor time for a small one.
    """

    bucket_name: str

    @property
    def bucket(self) -> Any:
        """The bucket, each call of which is bounded."""
        is_new = self._bucket is None
        bucket: Any = super().bucket
        if is_new:
            bind(bucket.meta.client, _SECONDS, _MOST_BYTES)
        return bucket

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        with bounded(_SECONDS, _MOST_BYTES), super()._open(name, mode) as file:  # type: ignore[no-untyped-call]  # the same
            return ContentFile(file.read(), name)

    def _save(self, name: str, content: "File[bytes]") -> str:
        key = self._normalize_name(clean_name(name))  # type: ignore[no-untyped-call]  # the library has no types
        parameters: dict[str, Any] = self._get_write_parameters(key, content)  # type: ignore[no-untyped-call]  # the same
        # The bucket is opened once for all threads; a connection would be opened for each of them.
        self.bucket.meta.client.put_object(Bucket=self.bucket_name, Key=key, Body=content.read(), **parameters)
        return name
