"""Notifications of stored files, in every shape in which they come: S3 itself, through SNS, through EventBridge."""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

_CREATED = "ObjectCreated"
_TEST = "s3:TestEvent"
_LONGEST_KEY, _LONGEST_ETAG = 1024, 128
_SEQUENCER = re.compile(r"[0-9A-Fa-f]{1,64}")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_LARGEST = 2**63 - 1
# SNS around S3 or EventBridge: nothing wraps more than that.
_DEEPEST = 2
# So many records of one notification are kept by themselves where they can't be read.
_MOST_APART = 20


class NotANotification(ValueError):
    """The text is none of the shapes; it says why."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One version of one object, as S3 tells of it or lists it; only what is listed says when it was stored."""

    bucket: str
    key: str
    etag: str
    sequencer: str = ""
    size: int | None = None
    written_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record among others that is none of S3's: the notification that it would be by itself, and why it is not."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Notification:
    """The stored files that a notification tells of, and its records that can't be read."""

    files: tuple[StoredFile, ...]
    unreadable: tuple[Unreadable, ...] = ()


def read_notification(text: str | bytes) -> Notification:
    """Return what a notification tells; of a test, or of what is no storing, nothing.

    Raises NotANotification for whatever is no notification of S3's, or holds nothing but records that can't be read.
    """
    return read_parsed(_parse(text))


def read_parsed(value: Any) -> Notification:
    """Return what a notification tells that is parsed already."""
    records = list(_find(value, 0))
    files = tuple(one for one in records if isinstance(one, StoredFile))
    unreadable = tuple(one for one in records if isinstance(one, Unreadable))
    if unreadable and not any(isinstance(one, StoredFile | None) for one in records):
        raise NotANotification(unreadable[0].why)
    return Notification(files, unreadable)


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotANotification("It is not valid JSON.") from None


def _find(value: Any, depth: int) -> Iterator[StoredFile | Unreadable | None]:
    """Give what each record tells; None for one that tells of no storing."""
    if not isinstance(value, dict):
        raise NotANotification("It is not a JSON object.")
    if isinstance(value.get("Message"), str) and depth < _DEEPEST:
        yield from _find(_parse(value["Message"]), depth + 1)
    elif isinstance(value.get("Records"), list):
        yield from _read_records(value["Records"])
    elif value.get("source") == "aws.s3":
        yield from _read_envelope(value)
    elif value.get("Event") != _TEST:
        raise NotANotification("It is neither a notification of S3's nor one of EventBridge's or SNS's about S3.")


def _read_records(records: list[Any]) -> Iterator[StoredFile | Unreadable | None]:
    """Read each record for itself; beyond a few of them, those that can't be read are one."""
    left = []
    for record in records:
        try:
            yield _read_record(record)
        except NotANotification as error:
            left.append((record, str(error)))
    apart = left if len(left) <= _MOST_APART else left[: _MOST_APART - 1]
    for record, why in apart:
        yield Unreadable(_write([record]), why)
    if rest := left[len(apart) :]:
        yield Unreadable(_write([record for record, _ in rest]), f"{len(rest)} records in it: {rest[0][1]}")


def _read_record(record: Any) -> StoredFile | None:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        raise NotANotification("A record in it is not S3's.")
    if not str(record.get("eventName", "")).removeprefix("s3:").startswith(_CREATED):
        return None
    found = _part(record, "s3")
    thing = _part(found, "object")
    return StoredFile(
        bucket=_text(_part(found, "bucket"), "name", 255),
        key=_unquote(_text(thing, "key", 3 * _LONGEST_KEY)),
        etag=_etag(thing),
        sequencer=_sequencer(thing),
        size=_size(thing),
    )


def _write(records: list[Any]) -> str:
    try:
        return json.dumps({"Records": records}, default=float)
    except RecursionError:
        return '{"Records": ["It nests too deeply to be written down."]}'


def _read_envelope(envelope: Mapping[str, Any]) -> Iterator[StoredFile]:
    if envelope.get("detail-type") != "Object Created":
        return
    detail = _part(envelope, "detail")
    thing = _part(detail, "object")
    yield StoredFile(
        bucket=_text(_part(detail, "bucket"), "name", 255),
        # Not URL-encoded here, other than in S3's own notifications.
        key=_text(thing, "key", _LONGEST_KEY),
        etag=_etag(thing),
        sequencer=_sequencer(thing),
        size=_size(thing),
    )


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    if not isinstance(part, dict):
        raise NotANotification(f"It has no “{name}”.")
    return part


def _text(whole: Mapping[str, Any], name: str, longest: int) -> str:
    value = whole.get(name)
    if not isinstance(value, str) or not value or len(value) > longest or not _is_storable(value):
        raise NotANotification(f"Its “{name}” is not a text that can be one.")
    return value


def _unquote(key: str) -> str:
    try:
        decoded = unquote_plus(key, errors="strict") if key.isascii() else ""
    except UnicodeDecodeError:
        decoded = ""
    if not decoded or len(decoded.encode(errors="replace")) > _LONGEST_KEY or not _is_storable(decoded):
        raise NotANotification("Its “key” is not a key that S3 could have.")
    return decoded


def _is_storable(text: str) -> bool:
    """Return whether the database can hold it and it has no control character: S3's keys may hold any other."""
    return not _CONTROL.search(text)


def _etag(whole: Mapping[str, Any]) -> str:
    """Return the ETag, which S3 spells one way and EventBridge another."""
    return _text(whole, "eTag" if "eTag" in whole else "etag", _LONGEST_ETAG).strip('"')


def _sequencer(whole: Mapping[str, Any]) -> str:
    """Return S3's order of a key's versions; what is none orders nothing."""
    value = whole.get("sequencer")
    return value if isinstance(value, str) and _SEQUENCER.fullmatch(value) else ""


def _size(whole: Mapping[str, Any]) -> int | None:
    size = whole.get("size")
    return size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= _LARGEST else None
