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
_LARGEST = 2**63 - 1
# SNS around S3 or EventBridge: nothing wraps more than that.
_DEEPEST = 2


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


def read_notification(text: str | bytes) -> list[StoredFile]:
    """Return the stored files that a notification tells of; none for a test or for what is no storing.

    Raises NotANotification for whatever is no notification of S3's.
    """
    return read_parsed(_parse(text))


def read_parsed(value: Any) -> list[StoredFile]:
    """Return the stored files of a notification that is parsed already."""
    return list(_find(value, 0))


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotANotification("It is not valid JSON.") from None


def _find(value: Any, depth: int) -> Iterator[StoredFile]:
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


def _read_records(records: list[Any]) -> Iterator[StoredFile]:
    for record in records:
        if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
            raise NotANotification("A record in it is not S3's.")
        if str(record.get("eventName", "")).removeprefix("s3:").startswith(_CREATED):
            found = _part(record, "s3")
            thing = _part(found, "object")
            yield StoredFile(
                bucket=_text(_part(found, "bucket"), "name", 255),
                key=_unquote(_text(thing, "key", 3 * _LONGEST_KEY)),
                etag=_etag(thing),
                sequencer=_sequencer(thing),
                size=_size(thing),
            )


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
    return "\x00" not in text and text.isprintable()


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
