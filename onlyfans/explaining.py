"""Which version of a month stands, and why: the rule that `onlyfans_ingest` applies in the database, for people."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

ONLY = "There is no other."
LAST = "It was received last."
CORRECTED = "Staff entered it, and nothing else was said since."
STANDS = (ONLY, LAST, CORRECTED)
NEWER_FILE = "A newer version of the same file came."
RECEIVED_EARLIER = "What stands was received later."
RECEIVED_AT_ONCE = "What stands was received at the same instant; a fixed order chose between them."
CORRECTS = "It repeats what its source had said before staff corrected it."
OVERRULED = "A source said something else after staff had entered it."

# A currency, and gross and net cents of each category that is not zero.
type Said = tuple[str, dict[str, tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Version:
    """What decides about a version; `sequencer` as stored, `answers` what each source had said when staff made it."""

    bucket: str
    key: str
    sequencer: str
    received_at: dt.datetime
    fingerprint: UUID
    source: str
    said: Said
    answers: Mapping[str, Said] | None = None


def tell(currency: str, parts: Mapping[str, Sequence[int]]) -> Said:
    """Bring figures into the form in which they are compared: whether a category without any is named means nothing."""
    return currency, {name: (gross, net) for name, (gross, net) in sorted(parts.items()) if gross or net}


def choose(versions: Iterable[Version]) -> Version:
    """Choose the version that stands.

    What staff entered last does, as long as whatever was received since says what its source had said by then. Else
    each object's versions that S3 ordered compete among themselves by that order alone, and the rest by when they were
    received; the winners compete by when they were received. Each comparison is a total order, the fingerprint deciding
    last, so that the choice follows from the set: to compare any two versions by whichever they share would be cyclic.
    """
    found = list(versions)
    return find_lasting(found) or max(list_leaders(found), key=_by_time)


def find_lasting(versions: Sequence[Version]) -> Version | None:
    """Find the version that staff entered last, unless a source has said something else since."""
    last = max((one for one in versions if one.answers is not None), key=_by_time, default=None)
    if last is None or last.answers is None:
        return None
    later = [one for one in versions if one.received_at > last.received_at]
    return last if all(last.answers.get(one.source) == one.said for one in later) else None


def list_leaders(versions: Iterable[Version]) -> Sequence[Version]:
    """List the newest of each object."""
    leaders: dict[tuple[str, str, bool], Version] = {}
    for one in versions:
        lane = (one.bucket, one.key, bool(one.sequencer))
        leaders[lane] = max(leaders.get(lane, one), one, key=_order)
    return list(leaders.values())


def _by_time(one: Version) -> tuple[dt.datetime, UUID]:
    return one.received_at, one.fingerprint


def _order(one: Version) -> tuple[str, dt.datetime, UUID]:
    return one.sequencer, one.received_at, one.fingerprint


def gather_answers(versions: Sequence[Version]) -> dict[str, Said]:
    """Gather what each source said last, for staff who enter something now."""
    current = [one for one in versions if not one.key] + [one for one in list_leaders(versions) if one.key]
    return {one.source: one.said for one in sorted(current, key=_by_time) if one.answers is None}


def explain_version(one: Version, versions: Sequence[Version]) -> str:
    """Say why a version stands, or why it does not."""
    lasting, standing = find_lasting(versions), choose(versions)
    if one == standing:
        return ONLY if len(versions) == 1 else CORRECTED if lasting else LAST
    if lasting and one.received_at > lasting.received_at:
        return CORRECTS
    if one.answers is not None and standing.answers is None:
        return OVERRULED
    if one.sequencer and one not in list_leaders(versions):
        return NEWER_FILE
    return RECEIVED_AT_ONCE if one.received_at == standing.received_at else RECEIVED_EARLIER
