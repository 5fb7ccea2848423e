"""Who is at an effect: claimed before the call, its outcome written after, both in transactions of their own."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from billing.models import Invoice, InvoiceDelivery, InvoiceLine
from billing.services.books import require_running
from common.clock import now
from common.errors import Retryable, WorkError
from jobs.engine.claims import LeaseLost
from jobs.selectors import is_holding

Status = InvoiceDelivery.Status
# What nobody outside sees may be done at any time.
_OURS_ALONE = (InvoiceDelivery.Step.PDF, InvoiceDelivery.Step.STORE)


@dataclass(frozen=True, slots=True)
class Holder:
    """The job item, and its fencing token, in whose name a worker delivers."""

    item: int
    token: int


class Parcel:
    """An issued document on its way: read once, and carried from step to step by the worker that delivers it."""

    def __init__(self, invoice_id: int, holder: Holder) -> None:
        self.invoice_id = invoice_id
        self.holder = holder
        # The PDF, where this worker has laid it out.
        self.content: bytes | None = None
        # Where the invoice is paid, where this worker has brought it to Stripe; empty where it can't be paid there.
        self.pay_url: str | None = None

    @cached_property
    def invoice(self) -> Invoice:
        """The document, with its organization and billing account."""
        return _with_parties(Invoice.objects.all()).get(pk=self.invoice_id)

    @cached_property
    def lines(self) -> list[InvoiceLine]:
        """Its lines in their order."""
        return list(_in_order(InvoiceLine.objects.filter(invoice=self.invoice_id)))


def read_parcels(invoices: QuerySet[Invoice], holder: Callable[[str], Holder]) -> dict[str, list[Parcel]]:
    """Read many documents with their lines at once: by organization, for each of which `holder` says who delivers."""
    parcels, found = {}, defaultdict(list)
    for invoice in _with_parties(invoices).order_by("pk"):
        parcel = parcels[invoice.pk] = Parcel(invoice.pk, holder(invoice.organization_id))
        parcel.invoice, parcel.lines = invoice, []
        found[invoice.organization_id].append(parcel)
    for line in _in_order(InvoiceLine.objects.filter(invoice__in=parcels)):
        parcels[line.invoice_id].lines.append(line)
    return found


def _with_parties(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    return invoices.select_related("organization__billing_account", "corrects")


def _in_order(lines: QuerySet[InvoiceLine]) -> QuerySet[InvoiceLine]:
    return lines.select_related("meter").order_by("invoice", "position")


class Attempt:
    """One attempt at an effect, in hand."""

    def __init__(self, parcel: Parcel, delivery: InvoiceDelivery, before: str) -> None:
        self.parcel = parcel
        self.delivery = delivery
        # How the former attempt ended: anything but `pending` means that the effect may be there already.
        self.before = before
        # Set where the outcome of a former attempt stays unknown, whatever this one ends with.
        self.stays_unknown = False

    @property
    def invoice(self) -> Invoice:
        return self.parcel.invoice

    @property
    def may_have_happened(self) -> bool:
        return self.before != Status.PENDING

    def remember(self, reference: str = "", **detail: Any) -> None:
        """Write down at once what the outside called it."""
        self.note(reference, **detail)
        self._write()

    def note(self, reference: str = "", **detail: Any) -> None:
        """Keep what can be found out again; it is written down with the outcome."""
        self.delivery.reference = reference or self.delivery.reference
        self.delivery.detail |= detail

    def end(self, status: str, error: str = "") -> None:
        """Write down the outcome."""
        self.delivery.status, self.delivery.error = status, error
        self.delivery.done_at = now() if status == Status.DONE else None
        self._write()

    def _write(self) -> None:
        delivery, holder = self.delivery, self.parcel.holder
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE,
                [
                    delivery.status,
                    delivery.error,
                    delivery.done_at,
                    delivery.reference,
                    json.dumps(delivery.detail),
                    delivery.pk,
                    holder.item,
                    holder.token,
                ],
            )
            if not cursor.rowcount:
                raise LeaseLost


# By hand, as the claim below: every invoice passes here several times.
_WRITE = """
    UPDATE billing_invoicedelivery SET status = %s, error = %s, done_at = %s, reference = %s, detail = %s
    WHERE id = %s AND status = 'running' AND held_by_item = %s AND held_by_token = %s
"""


@contextmanager
def attempt(
    parcel: Parcel, step: str, sequence: int = 1, *, known: Mapping[str, Any] | None = None, reference: str = ""
) -> Iterator[Attempt | None]:
    """Claim an effect for the time of the block; gives None where it is done, or not wanted, already.

    What is `known` before the first attempt, and its `reference`, are written down with the claim. An error ends the
    attempt as failed, or as unknown where its outcome is; then it is raised on. Raises LeaseLost where the job item is
    no longer in the holder's hands: whoever has it now delivers; and Misconfigured while deliveries are switched off,
    where the effect is one that a customer gets to see.
    """
    if step not in _OURS_ALONE:
        require_running()
    claimed = _claim_first(parcel, step, sequence, dict(known or {}), reference) or _claim_again(parcel, step, sequence)
    if claimed is None:
        yield None
        return
    try:
        yield claimed
    except WorkError as error:
        is_unknown = error.kind == "unknown" or claimed.stays_unknown
        claimed.end(Status.UNKNOWN if is_unknown else Status.FAILED, error.message)
        raise
    except LeaseLost:
        raise
    except Exception as error:
        claimed.end(Status.FAILED, f"Unforeseen {type(error).__name__}")
        raise
    if claimed.delivery.status == Status.RUNNING:
        claimed.end(Status.DONE)


# The lock on the document waits for whoever is just voiding it, and is waited for: a void knows what is on its way. The
# lock on the item waits for whoever is just taking it: a claim by a stale token matches no row.
_CLAIM_FIRST = """
    INSERT INTO billing_invoicedelivery (
        invoice_id, step, sequence, status, attempts, held_by_item, held_by_token, reference, detail, error, created_at
    )
    SELECT invoice.id, %s, %s, 'running', 1, item.id, item.token, %s, %s, '', clock_timestamp()
    FROM billing_invoice invoice, jobs_jobitem item
    WHERE invoice.id = %s AND invoice.number IS NOT NULL AND invoice.status <> 'void'
        AND item.id = %s AND item.token = %s AND item.status = 'running' AND item.lease_expires_at > clock_timestamp()
    FOR KEY SHARE OF invoice FOR SHARE OF item
    ON CONFLICT DO NOTHING RETURNING id
"""


def _claim_first(parcel: Parcel, step: str, sequence: int, detail: dict[str, Any], reference: str) -> Attempt | None:
    """Claim an effect that nobody has tried yet, in one statement.

    None where somebody has, where the document is void, or where the item is no longer ours.
    """
    holder = parcel.holder
    with connection.cursor() as cursor:
        written = [reference, json.dumps(detail)]
        cursor.execute(_CLAIM_FIRST, [step, sequence, *written, parcel.invoice_id, holder.item, holder.token])
        row = cursor.fetchone()
    if row is None:
        return None
    delivery = InvoiceDelivery(
        pk=row[0],
        invoice_id=parcel.invoice_id,
        step=step,
        sequence=sequence,
        status=Status.RUNNING,
        attempts=1,
        reference=reference,
        detail=detail,
    )
    return Attempt(parcel, delivery, Status.PENDING)


@transaction.atomic
def _claim_again(parcel: Parcel, step: str, sequence: int) -> Attempt | None:
    holder = parcel.holder
    if not is_holding(holder.item, holder.token, lock=True):
        raise LeaseLost
    known = InvoiceDelivery.objects.select_for_update().filter(invoice=parcel.invoice_id, step=step, sequence=sequence)
    delivery = known.first()
    if delivery is None:
        return None
    if delivery.status in {Status.DONE, Status.SKIPPED}:
        return None
    if delivery.status == Status.RUNNING and _is_held_by_another(delivery, holder):
        raise Retryable("Another run is at this step right now.", retry_after=_time_to_end())
    before = delivery.status
    delivery.status = Status.RUNNING
    delivery.attempts += 1
    delivery.held_by_item, delivery.held_by_token = holder.item, holder.token
    delivery.save(update_fields=["status", "attempts", "held_by_item", "held_by_token"])
    return Attempt(parcel, delivery, before)


def _time_to_end() -> float:
    """How long to wait before the next attempt, in seconds: all together they outlast a dead worker's lease."""
    return settings.JOBS_LEASE_SECONDS / max(settings.JOBS_MAX_ATTEMPTS - 1, 1)


def _is_held_by_another(delivery: InvoiceDelivery, holder: Holder) -> bool:
    if delivery.held_by_item == holder.item:
        return (delivery.held_by_token or 0) > holder.token
    return is_held(delivery)


def is_held(delivery: InvoiceDelivery) -> bool:
    """Return whether a living worker is at an effect."""
    return is_holding(delivery.held_by_item or 0, delivery.held_by_token or 0)
