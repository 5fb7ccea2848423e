"""What waited for its creator, taken in when the creator is there."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable

from django.db import connection, transaction

from accounts.services.auditing import describe_action, record_actions
from common.clock import Month
from onlyfans.models import CreatorAccount, UnmatchedAggregate
from onlyfans.services.ingesting.rows import IncomingAggregate, Outcome
from onlyfans.services.ingesting.writing import ingest_aggregates

ATTACH_TASK = "onlyfans.attach_earnings"
_AT_ONCE = 200
# Creators before what waits, as ingestion does: so nobody waits in a circle.
_LOCK = """
    SELECT id FROM onlyfans_creatoraccount creator
    WHERE (%(users)s::text[] IS NULL OR onlyfans_user_id = ANY (%(users)s))
        AND EXISTS (
            SELECT 1 FROM onlyfans_unmatchedaggregate one
            WHERE one.onlyfans_user_id = creator.onlyfans_user_id AND one.dismissed_at IS NULL
        )
    ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE
"""


def attach_unmatched(moment: dt.datetime, users: Iterable[str] | None = None) -> int:
    """Take in what waits for creators who are there by now, or for those of `users`; return how many versions.

    What was dismissed stays. Idempotent, and safe beside ingestion: what comes to wait meanwhile is found next time.
    """
    wanted = None if users is None else list(users)
    attached = 0
    while found := _attach_some(moment, wanted):
        attached += found
    return attached


@transaction.atomic
def _attach_some(moment: dt.datetime, users: list[str] | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"users": users, "limit": _AT_ONCE})
        ids = [id_ for (id_,) in cursor.fetchall()]
    creators = {one.onlyfans_user_id: one for one in CreatorAccount.objects.filter(pk__in=ids).defer("credentials")}
    rows = UnmatchedAggregate.objects.select_for_update().filter(onlyfans_user_id__in=creators, dismissed_at=None)
    waiting = list(rows.order_by("pk"))
    outcomes = ingest_aggregates([_read(one) for one in waiting], moment)
    UnmatchedAggregate.objects.filter(pk__in=[one.pk for one in waiting]).delete()
    _write_down(creators, waiting, outcomes)
    return len(waiting)


def _read(one: UnmatchedAggregate) -> IncomingAggregate:
    return IncomingAggregate(
        user_id=one.onlyfans_user_id,
        month=Month.of(one.month),
        currency=one.currency,
        parts=one.parts,
        received_at=one.received_at,
        source=one.source,
        bucket=one.bucket,
        key=one.key,
        etag=one.etag,
        sequencer=one.sequencer,
    )


def _write_down(
    creators: dict[str, CreatorAccount], waiting: list[UnmatchedAggregate], outcomes: list[Outcome]
) -> None:
    """Leave an audit entry a creator."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one, outcome in zip(waiting, outcomes, strict=True):
        counts[one.onlyfans_user_id][str(outcome)] += 1
    record_actions(
        [describe_action("attach", creators[user], after={"earnings": dict(of)}) for user, of in counts.items()]
    )
