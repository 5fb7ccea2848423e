"""What becomes of an event, as those say who apply it or look something up for it."""

from dataclasses import dataclass
from typing import Any

from billing.models import StripeEvent
from common.errors import WorkError
from workqueue.services import queues

Status = StripeEvent.Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event; `look_at` names what has to be looked up in Stripe before it is done,
    for which it waits on.
    """

    status: str = Status.DONE
    note: str = ""
    error: WorkError | None = None
    invoice_id: int | None = None
    account_id: int | None = None
    look_at: str = ""

    def to_be_written(self, event: StripeEvent) -> queues.Outcome[StripeEvent]:
        """Make what the queue writes of it; what is not known now stays as it was."""
        values: dict[str, Any] = {
            "note": self.note,
            "look_at": self.look_at or event.look_at,
            "invoice": self.invoice_id or event.invoice_id,
            "account": self.account_id or event.account_id,
        }
        return queues.Outcome(event, self.status, self.error, values)
