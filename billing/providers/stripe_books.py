"""All that Stripe has of our books: invoices and credit notes that bear an installation's mark."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from billing.providers.stripe import StripeGateway
from billing.providers.stripe_amounts import from_wire
from billing.providers.stripe_marks import DOCUMENT_MARK, Identity, read_identity

# How we name a credit note on its line: Stripe counts its own numbers for them.
NOTE_LINE = "Credit note "


@dataclass(frozen=True, slots=True)
class StripeDocument:
    """An invoice or a credit note as Stripe has it; what a credit note takes back is negative."""

    id: str
    identity: Identity
    number: str
    status: str
    total_cents: int
    currency: str
    created_at: dt.datetime
    due_at: dt.datetime | None
    customer: str
    url: str
    corrects: str = ""


def list_documents(gateway: StripeGateway, installation: str, after: dt.datetime) -> Iterator[StripeDocument]:
    """List what was created after an instant and bears this installation's mark; a hundred objects a call."""
    created = {"created": {"gt": int(after.timestamp())}}
    for path in ("invoices", "credit_notes"):
        for found in gateway.list_objects(path, created):
            identity = read_identity(str((found.get("metadata") or {}).get(DOCUMENT_MARK, "")))
            if identity is not None and identity.installation == installation:
                yield _read(found, identity) if path == "invoices" else _read_note(found, identity)


def _read(found: dict[str, Any], identity: Identity) -> StripeDocument:
    return StripeDocument(
        id=found["id"],
        identity=identity,
        number=found["number"] or "",
        status=found["status"],
        total_cents=from_wire(found["total"], found["currency"]),
        currency=found["currency"].upper(),
        created_at=_instant(found["created"]),
        due_at=_instant(found["due_date"]) if found["due_date"] else None,
        customer=found["customer"],
        url=found.get("hosted_invoice_url") or "",
    )


def _read_note(found: dict[str, Any], identity: Identity) -> StripeDocument:
    says = next((str(line["description"] or "") for line in found["lines"]["data"]), "")
    return StripeDocument(
        id=found["id"],
        identity=identity,
        number=says.removeprefix(NOTE_LINE) if says.startswith(NOTE_LINE) else "",
        status=found["status"],
        total_cents=-from_wire(found["total"], found["currency"]),
        currency=found["currency"].upper(),
        created_at=_instant(found["created"]),
        due_at=None,
        customer=found["customer"],
        url="",
        corrects=found["invoice"],
    )


def _instant(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
