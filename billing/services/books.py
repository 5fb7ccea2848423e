"""The books: whose they are, by what a document in them is known outside, and whether anything is delivered by them."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.services.auditing import record_action
from billing.models import Books, Invoice
from billing.providers.stripe_marks import Identity, read_identity
from billing.selectors.books import get_stopped
from common.clock import now
from common.errors import Misconfigured, Permanent

if TYPE_CHECKING:
    from accounts.models import User

AFTER_A_RESTORE = "The database was probably restored from a backup: run manage.py reconcile_stripe."


def get_books() -> Books:
    """Return the books' row, made where there is none yet."""
    return Books.objects.get_or_create(pk=1)[0]


def require_running() -> None:
    """Raise Misconfigured while deliveries are switched off: nothing is issued, nothing goes to Stripe or by mail."""
    if books := get_stopped():
        raise Misconfigured(
            f"Deliveries are switched off since {books.stopped_at:%Y-%m-%d %H:%M} UTC. {books.stopped_reason} Then "
            "switch deliveries on again: the button is on the list of invoices."
        )


@transaction.atomic
def stop_deliveries(reason: str, *, who: str) -> None:
    """Switch deliveries off until somebody switches them on again; what stopped them first stays the reason."""
    get_books()
    books = Books.objects.select_for_update().get()
    if books.stopped_at is None:
        books.stopped_at, books.stopped_by, books.stopped_reason = now(), who, reason
        books.save()
        record_action("stop", books, who=who, reason=reason)


@transaction.atomic
def resume_deliveries(*, actor: "User | None", reason: str, who: str = "") -> None:
    """Switch deliveries on again: what Stripe has by now was looked at. Raises Permanent where they are on."""
    books = Books.objects.select_for_update().filter(stopped_at__isnull=False).first()
    if books is None:
        raise Permanent("Deliveries are switched on already.")
    if not reason.strip():
        raise Permanent("Say why: the reason is kept in the audit trail.")
    books.stopped_at, books.stopped_by, books.stopped_reason, books.resumed_at = None, "", "", now()
    books.save()
    record_action("resume", books, actor=actor, who=who, reason=reason)


def identify(invoice: Invoice) -> Identity:
    """Return what an issued document is: the same for as long as the books live, also when they are restored."""
    return Identity(
        str(get_books().installation), invoice.organization_id, invoice.month, invoice.kind, invoice.ordinal or 0
    )


def find_by_identity(marks: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Find our issued documents by their marks: id and number by mark, of those that are in our books."""
    read = [found for mark in set(marks) if (found := read_identity(mark)) is not None]
    installation = str(get_books().installation) if read else ""
    wanted = {found: str(found) for found in read if found.installation == installation}
    known = _read_issued(installation, list(wanted))
    return {mark: known[found] for found, mark in wanted.items() if found in known}


def _read_issued(installation: str, wanted: Collection[Identity]) -> dict[Identity, tuple[int, str]]:
    issued = Invoice.objects.filter(
        number__isnull=False,
        organization__in={found.organization for found in wanted},
        month__in={found.month for found in wanted},
    )
    rows = issued.values_list("pk", "number", "organization_id", "month", "kind", "ordinal")
    return {
        Identity(installation, organization, month, kind, ordinal or 0): (id_, number or "")
        for id_, number, organization, month, kind, ordinal in (rows if wanted else ())
    }
