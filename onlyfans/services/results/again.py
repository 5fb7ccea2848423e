"""Deciding by hand about files that came to nothing."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from onlyfans.models import ResultFile
from onlyfans.services.results.ringing import ring
from workqueue.services import requeue

if TYPE_CHECKING:
    from accounts.models import User

Status = ResultFile.Status


@transaction.atomic
def retry_files(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let files be read again that came to nothing, and ring; return how many. Each keeps who asked and why.

    What is done already, or being read, is left alone.
    """
    came_to_nothing = Q(status__in=[*ResultFile.LEFT, Status.DISMISSED]) | (Q(status=Status.WAITING) & ~Q(error=""))
    chosen = ResultFile.objects.filter(came_to_nothing, pk__in=list(ids))
    again = requeue(chosen, actor=actor, reason=reason, values={"reasons": []})
    if again:
        transaction.on_commit(ring)
    return len(again)
