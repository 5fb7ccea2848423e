"""Who is at an effect: claimed before the call, its outcome written after, both in transactions of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from billing.models import Invoice, InvoiceDelivery
from common.clock import now
from common.errors import Retryable, WorkError
from jobs.engine.claims import LeaseLost
from jobs.selectors import is_holding

Status = InvoiceDelivery.Status


@dataclass(frozen=True, slots=True)
class Holder:
    """The job item, and its fencing token, in whose name a worker delivers."""

    item: int
    token: int


class Attempt:
    """One attempt at an effect, in hand."""

    def __init__(self, delivery: InvoiceDelivery, holder: Holder, before: str) -> None:
        self.delivery = delivery
        self.invoice: Invoice = delivery.invoice
        # How the former attempt ended: anything but `pending` means that the effect may be there already.
        self.before = before
        # Set where the outcome of a former attempt stays unknown, whatever this one ends with.
        self.stays_unknown = False
        self._mine = InvoiceDelivery.objects.filter(
            pk=delivery.pk, status=Status.RUNNING, held_by_item=holder.item, held_by_token=holder.token
        )

    @property
    def may_have_happened(self) -> bool:
        return self.before != Status.PENDING

    def remember(self, reference: str = "", **detail: Any) -> None:
        """Write down at once what the outside called it."""
        self.delivery.reference = reference or self.delivery.reference
        self.delivery.detail |= detail
        self._write(reference=self.delivery.reference, detail=self.delivery.detail)

    def end(self, status: str, error: str = "") -> None:
        """Write down the outcome."""
        self._write(status=status, error=error, done_at=now() if status == Status.DONE else None)

    def _write(self, **values: Any) -> None:
        if not self._mine.update(**values):
            raise LeaseLost


@contextmanager
def attempt(invoice_id: int, step: str, holder: Holder, sequence: int = 1) -> Iterator[Attempt | None]:
    """Claim an effect for the time of the block; gives None where it is done, or not wanted, already.

    An error ends it as failed, or as unknown where its outcome is; then it is raised on.
    """
    claimed = _claim(invoice_id, step, holder, sequence)
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


@transaction.atomic
def _claim(invoice_id: int, step: str, holder: Holder, sequence: int) -> Attempt | None:
    InvoiceDelivery.objects.bulk_create(
        [InvoiceDelivery(invoice_id=invoice_id, step=step, sequence=sequence)], ignore_conflicts=True
    )
    delivery = (
        InvoiceDelivery.objects.select_for_update(of=("self",))
        .select_related("invoice__organization__billing_account")
        .get(invoice=invoice_id, step=step, sequence=sequence)
    )
    if delivery.status in {Status.DONE, Status.SKIPPED}:
        return None
    if delivery.status == Status.RUNNING and _is_held_by_another(delivery, holder):
        raise Retryable("Another run is at this step right now.", retry_after=_time_to_end())
    before = delivery.status
    delivery.status = Status.RUNNING
    delivery.attempts += 1
    delivery.held_by_item, delivery.held_by_token = holder.item, holder.token
    delivery.save(update_fields=["status", "attempts", "held_by_item", "held_by_token"])
    return Attempt(delivery, holder, before)


def _time_to_end() -> float:
    """How long to wait before the next attempt, in seconds: all together they outlast a dead worker's lease."""
    return settings.JOBS_LEASE_SECONDS / max(settings.JOBS_MAX_ATTEMPTS - 1, 1)


def _is_held_by_another(delivery: InvoiceDelivery, holder: Holder) -> bool:
    if delivery.held_by_item == holder.item:
        return (delivery.held_by_token or 0) > holder.token
    return is_held(delivery)


def is_held(delivery: InvoiceDelivery) -> bool:
    """Tell whether a living worker is at an effect."""
    return is_holding(delivery.held_by_item or 0, delivery.held_by_token or 0)
