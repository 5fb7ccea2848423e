"""Dismissing events that failed and that nobody needs, and bringing them back."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.services.auditing import describe_action, record_actions
from billing.models import StripeEvent

if TYPE_CHECKING:
    from accounts.models import User

Status = StripeEvent.Status
_SAID = "Dismissed: "


@transaction.atomic
def dismiss_events(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let nobody be asked about these events any more; return how many. Each leaves an audit entry.

    Only what failed can be dismissed. Its error stays with it, and it can be processed again at any time.
    """
    return _move(ids, Status.FAILED, Status.DISMISSED, "dismiss", actor, reason)


@transaction.atomic
def restore_events(ids: Iterable[int], *, actor: "User", reason: str) -> int:
    """Let dismissed events be failed ones again; return how many."""
    return _move(ids, Status.DISMISSED, Status.FAILED, "restore", actor, reason)


def _move(ids: Iterable[int], before: str, after: str, verb: str, actor: "User", reason: str) -> int:
    found = StripeEvent.objects.select_for_update().filter(pk__in=list(ids), status=before).defer("body")
    moved, entries = list(found.order_by("pk")), []
    for event in moved:
        was = {"status": event.get_status_display()}
        event.status = after
        event.note = _clip(_SAID + reason) if after == Status.DISMISSED else ""
        now = {"status": event.get_status_display()}
        entries.append(describe_action(verb, event, actor=actor, before=was, after=now, reason=reason))
    StripeEvent.objects.bulk_update(moved, ["status", "note"])
    record_actions(entries)
    return len(moved)


def _clip(text: str) -> str:
    length = StripeEvent._meta.get_field("note").max_length or 0
    return text if len(text) <= length else f"{text[: length - 1]}…"
