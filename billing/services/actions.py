"""What a person did to an invoice, in its own history and in the audit trail."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from accounts.services.auditing import record_action
from billing.models import Invoice, InvoiceAction

if TYPE_CHECKING:
    from accounts.models import User


def note_action(
    invoice: Invoice,
    verb: str,
    *,
    actor: "User | None",
    reason: str,
    was: str = "",
    data: Mapping[str, Any] | None = None,
    token: str | None = None,
) -> InvoiceAction:
    """Write an action in the transaction that does it; `was` is the status before, where it changed it."""
    reason, data = reason.strip(), dict(data or {})
    action = InvoiceAction.objects.create(
        invoice=invoice, verb=verb, actor=actor, reason=reason, data=data, token=token
    )
    before = {"status": Invoice.Status(was).label} if was else {}
    after = {"status": invoice.get_status_display(), **data} if was else data
    record_action(verb, invoice, actor=actor, before=before, after=after, reason=reason)
    return action
