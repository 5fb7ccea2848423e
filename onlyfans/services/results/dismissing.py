"""Dismissing files that came to nothing and that nobody needs, and bringing them back."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.services.auditing import describe_action, record_actions
from onlyfans.models import ResultFile

if TYPE_CHECKING:
    from accounts.models import User

Status = ResultFile.Status


@transaction.atomic
def dismiss_files(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let nobody be asked about these files any more; return how many. Each leaves an audit entry.

    Only what came to nothing can be dismissed. It is read after all once it is stored anew, or somebody asks for it.
    """
    left = ResultFile.objects.select_for_update().filter(pk__in=list(ids), status__in=ResultFile.LEFT)
    return _move(left.order_by("pk"), "dismiss", actor, reason)


@transaction.atomic
def restore_files(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let dismissed files be what they were; return how many."""
    dismissed = ResultFile.objects.select_for_update().filter(pk__in=list(ids), status=Status.DISMISSED)
    return _move(dismissed.order_by("pk"), "restore", actor, reason)


def _move(files: Iterable[ResultFile], verb: str, actor: "User", reason: str) -> int:
    moved, entries = list(files), []
    for file in moved:
        before = {"status": file.get_status_display()}
        if verb == "dismiss":
            file.status, file.dismissed_reason = Status.DISMISSED, reason
        else:
            file.status, file.dismissed_reason = file.ended_as, ""
        after = {"status": file.get_status_display()}
        entries.append(describe_action(verb, file, actor=actor, before=before, after=after, reason=reason))
    ResultFile.objects.bulk_update(moved, ["status", "dismissed_reason"])
    record_actions(entries)
    return len(moved)
