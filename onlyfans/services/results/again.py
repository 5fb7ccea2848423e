"""Reading files again because a person asks for it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.services.auditing import describe_action, record_actions
from onlyfans.models import ResultFile
from onlyfans.services.results.ringing import ring

if TYPE_CHECKING:
    from accounts.models import User

Status = ResultFile.Status


@transaction.atomic
def retry_files(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let files be read again that came to nothing, and ring; return how many. Each keeps who asked and why.

    What is done already, or being read, is left alone.
    """
    chosen = ResultFile.objects.select_for_update().filter(
        pk__in=list(ids), status__in=[*ResultFile.LEFT, Status.DISMISSED, Status.FAILED]
    )
    files = list(chosen.order_by("pk"))
    entries = [
        describe_action(
            "retry",
            file,
            actor=actor,
            before={"status": file.get_status_display()},
            after={"status": Status.WAITING.label},
            reason=reason,
        )
        for file in files
    ]
    ResultFile.objects.filter(pk__in=[file.pk for file in files]).update(
        status=Status.WAITING, attempts=0, not_before=None, finished_at=None, error="", reasons=[], dismissed_reason=""
    )
    record_actions(entries)
    if files:
        transaction.on_commit(ring)
    return len(files)
