"""Files in S3, each small enough to go up in one request."""

from typing import TYPE_CHECKING, Any

from storages.backends.s3 import S3Storage
from storages.utils import clean_name

if TYPE_CHECKING:
    from django.core.files.base import File


class WholeFileS3Storage(S3Storage):
    """Puts a file in one request, from memory.

    The library's own way is made for files of any size, and takes several times the processor time for a small one.
    """

    bucket_name: str

    def _save(self, name: str, content: "File[bytes]") -> str:
        key = self._normalize_name(clean_name(name))  # type: ignore[no-untyped-call]  # the library has no types
        parameters: dict[str, Any] = self._get_write_parameters(key, content)  # type: ignore[no-untyped-call]  # the same
        # The bucket is opened once for all threads; a connection would be opened for each of them.
        self.bucket.meta.client.put_object(Bucket=self.bucket_name, Key=key, Body=content.read(), **parameters)
        return name
