"""Restoring dismissed versions that wait for a creator."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction

from common.clock import now
from onlyfans.models import UnmatchedAggregate
from onlyfans.services.ingesting.attaching import attach_unmatched
from workqueue.services import restore

if TYPE_CHECKING:
    from accounts.models import User


@transaction.atomic
def restore_unmatched(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let dismissed versions wait for their creator again, or go to it at once; return how many."""
    rows = restore(UnmatchedAggregate.objects.filter(pk__in=list(ids)), actor=actor, reason=reason)
    # Afterwards, for it locks creators before what waits, as all of ingestion does.
    transaction.on_commit(partial(attach_unmatched, now(), {one.onlyfans_user_id for one in rows}))
    return len(rows)
