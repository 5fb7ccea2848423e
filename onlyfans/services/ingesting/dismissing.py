"""Dismissing what waits for a creator who will never be there, and bringing it back."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.services.auditing import describe_action, record_actions
from common.clock import iso, now
from onlyfans.models import UnmatchedAggregate
from onlyfans.services.ingesting.attaching import attach_unmatched

if TYPE_CHECKING:
    from accounts.models import User


@transaction.atomic
def dismiss_unmatched(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let nobody wait for these versions any more; return how many. Each leaves an audit entry.

    They stay as they came, are attached to no creator, and wait again once the same is sent anew.
    """
    waiting = UnmatchedAggregate.objects.select_for_update().filter(pk__in=list(ids), dismissed_at=None)
    rows, moment = list(waiting.order_by("pk")), now()
    news = {"dismissed_at": moment, "dismissed_reason": reason}
    UnmatchedAggregate.objects.filter(pk__in=[one.pk for one in rows]).update(**news)
    after = {"dismissed_at": iso(moment)}
    record_actions([describe_action("dismiss", one, actor=actor, after=after, reason=reason) for one in rows])
    return len(rows)


@transaction.atomic
def restore_unmatched(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let dismissed versions wait for their creator again, or go to it at once; return how many."""
    dismissed = UnmatchedAggregate.objects.select_for_update().filter(pk__in=list(ids), dismissed_at__isnull=False)
    rows = list(dismissed.order_by("pk"))
    chosen = UnmatchedAggregate.objects.filter(pk__in=[one.pk for one in rows])
    chosen.update(dismissed_at=None, dismissed_reason="")
    entries = []
    for one in rows:
        before = {"dismissed_at": iso(one.dismissed_at) if one.dismissed_at else None}
        entries.append(describe_action("restore", one, actor=actor, before=before, reason=reason))
    record_actions(entries)
    # Afterwards, for it locks creators before what waits, as all of ingestion does.
    transaction.on_commit(partial(attach_unmatched, now(), {one.onlyfans_user_id for one in rows}))
    return len(rows)
