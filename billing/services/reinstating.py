"""A credit note that can't be voided where it has taken effect stands again."""

from django.db import transaction

from billing.models import Invoice, InvoiceAction
from billing.selectors.invoices import get_left_to_credit
from billing.services.actions import note_action
from billing.services.balances import refresh_balances
from billing.services.delivering.leaving import resume_undelivered
from billing.services.locking import lock_invoice
from billing.services.writing import restore_statements
from common.errors import Permanent

Status = Invoice.Status


@transaction.atomic
def reinstate_credit_note(note_id: int, *, why: str) -> None:
    """Let a credit note that was voided here stand again, since Stripe voids it no more. Idempotent.

    Raises Permanent while another one has taken its place, which takes over what is in Stripe once it gets there.
    """
    note = lock_invoice(note_id)
    original = note.corrects
    if original is None or note.status != Status.VOID:
        return
    note.status = Status.FINALIZED
    note.save(update_fields=["status"])
    left = sum(get_left_to_credit(original).values())
    if left * original.total_cents < 0:
        raise Permanent(f"{why} {original} was credited again meanwhile: deliver that credit note, then retry.")
    if not left:
        original.status = Status.CREDITED
        original.save(update_fields=["status"])
        restore_statements([original.pk])
    resume_undelivered(note.pk)
    refresh_balances([original.pk])
    note_action(note, InvoiceAction.Verb.STAND, actor=None, reason=why, was=Status.VOID)
