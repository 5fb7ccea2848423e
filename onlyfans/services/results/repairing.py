"""Gaps: files that stand in the bucket and of which nobody told."""

import datetime as dt
from collections.abc import Iterator, Sequence

from onlyfans.models import ResultFile
from onlyfans.providers.notifications import StoredFile
from onlyfans.services.results.reading import open_bucket
from onlyfans.services.results.taking import PREFIX, is_result, take_anew, take_files

# A file's page tells its second only.
_SAME = dt.timedelta(seconds=1)


def repair_pages() -> Iterator[tuple[int, list[int]]]:
    """Take in what the bucket lists and nobody told of, page by page: how many files it lists, and the missing rows.

    Converges: what is there already is left alone, unless the same bytes were stored again since they were read.
    """
    for page in open_bucket().list(PREFIX):
        listed = [one for one in page if is_result(one)]
        yield len(listed), _take_missing(listed)


def _take_missing(listed: Sequence[StoredFile]) -> list[int]:
    if not listed:
        return []
    known = ResultFile.objects.filter(bucket=listed[0].bucket, key__in=[one.key for one in listed])
    rows = {(key, etag): (id_, at) for id_, key, etag, at in known.values_list("pk", "key", "etag", "written_at")}
    missing = [one for one in listed if (one.key, one.etag) not in rows]
    anew = [
        rows[one.key, one.etag][0]
        for one in listed
        if (one.key, one.etag) in rows and _is_later(one.written_at, rows[one.key, one.etag][1])
    ]
    return [*take_files(missing, ResultFile.Door.REPAIR).ids, *take_anew(anew)]


def _is_later(listed_at: dt.datetime | None, read_at: dt.datetime | None) -> bool:
    return bool(listed_at and read_at and listed_at >= read_at + _SAME)
