"""Which version of a month stands, and why: the rule that `onlyfans_ingest` applies in the database, for people."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

ONLY = "There is no other."
LAST = "It was received last."
STANDS = (ONLY, LAST)
NEWER_FILE = "A newer version of the same file came."
RECEIVED_EARLIER = "What stands was received later."


@dataclass(frozen=True, slots=True)
class Version:
    """What decides about a version; `sequencer` as it is stored."""

    bucket: str
    key: str
    sequencer: str
    received_at: dt.datetime
    fingerprint: UUID


def choose(versions: Iterable[Version]) -> Version:
    """Choose the version that stands.

    Each object's versions that S3 ordered compete among themselves by that order alone, and the rest by when they were
    received; the winners compete by when they were received. Each comparison is a total order, the fingerprint deciding
    last, so that the choice follows from the set: to compare any two versions by whichever they share would be cyclic.
    """
    return max(list_leaders(versions), key=lambda one: (one.received_at, one.fingerprint))


def list_leaders(versions: Iterable[Version]) -> Sequence[Version]:
    """List the newest of each object."""
    leaders: dict[tuple[str, str, bool], Version] = {}
    for one in versions:
        lane = (one.bucket, one.key, bool(one.sequencer))
        leaders[lane] = max(leaders.get(lane, one), one, key=_order)
    return list(leaders.values())


def _order(one: Version) -> tuple[str, dt.datetime, UUID]:
    return one.sequencer, one.received_at, one.fingerprint


def explain_version(one: Version, versions: Sequence[Version]) -> str:
    """Say why a version stands, or why it does not."""
    if one == choose(versions):
        return LAST if len(versions) > 1 else ONLY
    return RECEIVED_EARLIER if one in list_leaders(versions) or not one.sequencer else NEWER_FILE
