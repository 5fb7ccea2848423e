"""Deciding by hand about rows that came to nothing: dismiss them, bring them back, or let them be tried again."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from accounts.services.auditing import describe_action, record_actions
from common.clock import iso, now
from workqueue.models import Dismissible, LeasedRow

if TYPE_CHECKING:
    from accounts.models import User


@transaction.atomic
def dismiss[R: Dismissible](rows: QuerySet[R], *, actor: "User", reason: str) -> list[R]:
    """Dismiss those of these rows that wait for a person; return them. Each leaves an audit entry."""
    waiting = rows.select_for_update(of=("self",)).filter(dismissed_at=None)
    if issubclass(rows.model, LeasedRow):
        waiting = waiting.filter(status__in=rows.model.LEFT)
    found, moment = list(waiting.order_by("pk")), now()
    before = [_describe(row) for row in found]
    for row in found:
        row.dismissed_at, row.dismissed_reason = moment, reason
        if isinstance(row, LeasedRow):
            row.ended_as, row.status = row.status, LeasedRow.DISMISSED
    _save(found)
    _record("dismiss", found, before, actor, reason)
    return found


@transaction.atomic
def restore[R: Dismissible](rows: QuerySet[R], *, actor: "User", reason: str) -> list[R]:
    """Make dismissed rows what they were before; return them. Each leaves an audit entry."""
    found = list(rows.select_for_update(of=("self",)).filter(dismissed_at__isnull=False).order_by("pk"))
    before = [_describe(row) for row in found]
    for row in found:
        row.dismissed_at, row.dismissed_reason = None, ""
        if isinstance(row, LeasedRow):
            row.status, row.ended_as = row.ended_as, ""
    _save(found)
    _record("restore", found, before, actor, reason)
    return found


@transaction.atomic
def requeue[R: LeasedRow](
    rows: QuerySet[R], *, actor: "User | None" = None, reason: str = "", values: Mapping[str, Any] | None = None
) -> list[R]:
    """Let rows be tried again from their first attempt, whatever became of them; return them.

    What somebody works on right now is left to them. `values` are further columns to be set. With an actor, each row
    leaves an audit entry.
    """
    idle = rows.exclude(status=LeasedRow.WORKING, lease_expires_at__gt=Now())
    found = list(idle.select_for_update(of=("self",)).order_by("pk"))
    before = [_describe(row) for row in found]
    # With a new token, so that a holder who lost the lease writes nothing any more.
    fresh: dict[str, Any] = {"status": LeasedRow.WAITING, "token": F("token") + 1, "attempts": 0, "error": ""}
    undismissed = {"ended_as": "", "dismissed_reason": "", "dismissed_at": None}
    times = {"not_before": None, "lease_expires_at": None, "finished_at": None}
    again = rows.model._default_manager.filter(pk__in=[row.pk for row in found])
    again.update(**{**fresh, **undismissed, **times, **(values or {})})
    for row in found:
        row.status, row.token = LeasedRow.WAITING, row.token + 1
    if actor is not None:
        _record("retry", found, before, actor, reason)
    return found


def _describe(row: Dismissible) -> dict[str, Any]:
    """Say how a row stands, as its audit entries show it."""
    if isinstance(row, LeasedRow):
        return {"status": dict(row._meta.get_field("status").flatchoices).get(row.status, row.status)}
    return {"dismissed_at": iso(row.dismissed_at)} if row.dismissed_at else {}


def _save(rows: Sequence[Dismissible]) -> None:
    if rows:
        names = ["dismissed_at", "dismissed_reason"]
        names += ["status", "ended_as"] if isinstance(rows[0], LeasedRow) else []
        type(rows[0])._default_manager.bulk_update(rows, names)


def _record(
    verb: str, rows: Sequence[Dismissible], before: Sequence[dict[str, Any]], actor: "User", reason: str
) -> None:
    entries = [
        describe_action(verb, row, actor=actor, before=was, after=_describe(row), reason=reason)
        for row, was in zip(rows, before, strict=True)
    ]
    record_actions(entries)
