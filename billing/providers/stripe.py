"""Stripe: customers, invoices and credit notes, through its own library.

Nothing is retried here. A call whose outcome is not known raises OutcomeUnknown; SavedFailure and SavedRefusal are
what Stripe will answer again to the same idempotency key, so that a later attempt needs another key.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import stripe

from billing.providers.stripe_amounts import from_wire, to_wire
from billing.providers.stripe_http import BoundedClient
from billing.providers.stripe_marks import DOCUMENT_MARK, LINE_MARK, ORGANIZATION_MARK
from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable
from common.http import path_part

API_VERSION = "2026-10-28.endive"
_LINES_AT_ONCE = 100
_TIMEOUT_SECONDS = 30
# For all of a call, however slowly the answer comes.
DEADLINE_SECONDS = 60.0


class SavedFailure(OutcomeUnknown):
    """Stripe failed on its side and will answer the same to this idempotency key: look, then use another key."""


class NotThere(Permanent):
    """Stripe has nothing of this id."""


class SavedRefusal(Permanent):
    """Stripe refused, which had no effect, and will refuse this idempotency key again, whatever is repaired."""


@dataclass(frozen=True)
class LineToBill:
    """A line for Stripe, in the currency's minor unit."""

    mark: str
    description: str
    amount_cents: int


@dataclass(frozen=True)
class StripeInvoice:
    """An invoice as Stripe has it, with our mark on it.

    Tax and discounts are what Stripe itself added to the lines and took off them.
    """

    id: str
    status: str
    total_cents: int
    url: str
    tax_cents: int = 0
    discount_cents: int = 0
    mark: str = ""
    number: str = ""
    created: int = 0
    # The customer's balance that was used when it was finalized.
    balance_applied_cents: int = 0


@dataclass(frozen=True)
class GivenBack:
    """How a credit note gives back what was paid: by refunds that were made already, outside of Stripe, as credit."""

    refunds: Mapping[str, int]
    outside_cents: int
    credit_cents: int


class StripeGateway:
    """Calls to one Stripe account; `pace` gives a turn at an endpoint, held during each call."""

    def __init__(self, api_key: str, base_url: str, pace: Callable[[str], AbstractContextManager[None]]) -> None:
        options: dict[str, Any] = {"base_addresses": {"api": base_url}} if base_url else {}
        self._client = stripe.StripeClient(
            api_key,
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=BoundedClient(_TIMEOUT_SECONDS, DEADLINE_SECONDS),
            **options,
        )
        self._pace = pace

    def find_customer(self, mark: str, email: str) -> str | None:
        """Look for the customer that carries an organization's mark; lists do not lag as search does."""
        with self._call("GET customers", reads=True):
            params: Any = {"email": email, "limit": 100} if email else {"limit": 100}
            found = self._client.v1.customers.list(params)
            for customer in found.auto_paging_iter():
                if _marks(customer).get(ORGANIZATION_MARK) == mark:
                    return str(customer.id)
        return None

    def create_customer(self, mark: str, name: str, email: str, key: str) -> str:
        """Create an organization's customer; idempotent by `key`."""
        with self._call("POST customers"):
            params: Any = {"name": name, "metadata": {ORGANIZATION_MARK: mark}}
            if email:
                params["email"] = email
            return str(self._client.v1.customers.create(params, {"idempotency_key": key}).id)

    def list_invoices(self, customer: str) -> list[StripeInvoice]:
        """List a customer's invoices, the newest first; a hundred a call."""
        return [_read(invoice) for invoice in self.list_objects("invoices", {"customer": customer})]

    def get_invoice(self, invoice_id: str) -> StripeInvoice:
        """Read an invoice."""
        with self._call("GET invoice", reads=True):
            return _read(self._client.v1.invoices.retrieve(invoice_id))

    def get_invoice_or_none(self, invoice_id: str) -> StripeInvoice | None:
        """Read an invoice; None where it is not there any more, as a draft that somebody deleted."""
        try:
            return self.get_invoice(invoice_id)
        except NotThere:
            return None

    def delete_draft(self, invoice_id: str) -> None:
        """Delete a draft; one that is gone already is as well."""
        with suppress(NotThere), self._call("DELETE invoice"):
            self._client.v1.invoices.delete(invoice_id)

    def create_invoice(
        self, customer: str, mark: str, *, currency: str, number: str, description: str, days_until_due: int, key: str
    ) -> StripeInvoice:
        """Create an empty draft that Stripe neither finalizes nor changes by itself; idempotent by `key`."""
        params: Any = {
            "customer": customer,
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            # Our lines are what is due, our tax among them. Left out, the customer's discount would be taken over.
            "automatic_tax": {"enabled": False},
            "discounts": "",
            "collection_method": "send_invoice",
            "days_until_due": days_until_due,
            "currency": currency.lower(),
            "number": number,
            "description": description,
            "metadata": {DOCUMENT_MARK: mark},
        }
        with self._call("POST invoices"):
            return _read(self._post("invoices", params, key))

    def list_lines(self, invoice_id: str) -> dict[str, int]:
        """Read an invoice's lines: the amount by our mark."""
        with self._call("GET invoice lines", reads=True):
            found = self._client.v1.invoices.line_items.list(invoice_id, {"limit": 100})
            return dict(map(_read_line, found.auto_paging_iter()))

    def add_lines(
        self, invoice_id: str, currency: str, lines: Sequence[LineToBill], key: str
    ) -> tuple[StripeInvoice, dict[str, int] | None]:
        """Add lines, at least one, to a draft, many a call, idempotent by `key`.

        Returns the draft, and all its lines as `list_lines` does, where Stripe's answer shows them all.
        """
        answer: Any = None
        for start in range(0, len(lines), _LINES_AT_ONCE):
            part = lines[start : start + _LINES_AT_ONCE]
            params: Any = {
                "lines": [
                    {
                        "amount": to_wire(line.amount_cents, currency),
                        "description": line.description,
                        "metadata": {LINE_MARK: line.mark},
                    }
                    for line in part
                ]
            }
            with self._call("POST invoice lines"):
                answer = self._post(f"invoices/{path_part(invoice_id)}/add_lines", params, f"{key}-{start}")
                draft, shown = _read(answer), answer["lines"]
                there = None if shown["has_more"] else dict(map(_read_line, shown["data"]))
        return draft, there

    def finalize_invoice(self, invoice_id: str, key: str) -> StripeInvoice:
        """Finalize a draft; idempotent by `key`."""
        with self._call("POST invoice finalize"):
            return _read(self._post(f"invoices/{path_part(invoice_id)}/finalize", {"auto_advance": False}, key))

    def void_invoice(self, invoice_id: str, key: str) -> StripeInvoice:
        """Void a finalized invoice; idempotent by `key`."""
        with self._call("POST invoice void"):
            return _read(self._client.v1.invoices.void_invoice(invoice_id, options={"idempotency_key": key}))

    def create_credit_note(
        self,
        invoice_id: str,
        mark: str,
        description: str,
        amount_cents: int,
        currency: str,
        given_back: GivenBack,
        key: str,
    ) -> str:
        """Credit an invoice; Stripe takes off what is open first. Idempotent by `key`."""
        amount = to_wire(amount_cents, currency)
        params: Any = {
            "invoice": invoice_id,
            "lines": [{"type": "custom_line_item", "description": description, "quantity": 1, "unit_amount": amount}],
            "metadata": {DOCUMENT_MARK: mark},
        }
        if given_back.refunds:
            params["refunds"] = [
                {"refund": id_, "amount_refunded": to_wire(cents, currency)}
                for id_, cents in given_back.refunds.items()
            ]
        if given_back.outside_cents:
            params["out_of_band_amount"] = to_wire(given_back.outside_cents, currency)
        if given_back.credit_cents:
            params["credit_amount"] = to_wire(given_back.credit_cents, currency)
        with self._call("POST credit_notes"):
            return str(self._client.v1.credit_notes.create(params, {"idempotency_key": key}).id)

    def mark_credit_note(self, note_id: str, mark: str, key: str) -> None:
        """Take a credit note that somebody made in Stripe for ours; idempotent by `key`."""
        with self._call("POST credit_note"):
            self._client.v1.credit_notes.update(note_id, {"metadata": {DOCUMENT_MARK: mark}}, {"idempotency_key": key})

    def void_credit_note(self, note_id: str, key: str) -> None:
        """Void a credit note; idempotent by `key`."""
        with self._call("POST credit_note void"):
            self._client.v1.credit_notes.void_credit_note(note_id, options={"idempotency_key": key})

    def list_objects(self, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Go through a list page by page, as Stripe answers, the newest first."""
        last: dict[str, Any] = {}
        while True:
            with self._call(f"GET {path}", reads=True):
                page: Any = self._client.raw_request("get", f"/v1/{path}", limit=100, **params, **last).data
                found, has_more = list(page["data"]), bool(page["has_more"])
            yield from found
            if not has_more or not found:
                return
            last = {"starting_after": found[-1]["id"]}

    def _post(self, path: str, params: dict[str, Any], key: str) -> Any:
        """Post and return the answer as it is: making the library's objects of it takes as long as all the rest."""
        return self._client.raw_request("post", f"/v1/{path}", **params, idempotency_key=key).data

    @contextmanager
    def _call(self, endpoint: str, *, reads: bool = False) -> Iterator[None]:
        with self._pace(endpoint):
            try:
                yield
            except stripe.StripeError as error:
                raise _translate(error, reads=reads) from None
            except (ValueError, LookupError, AttributeError, TypeError) as error:
                message = f"Stripe answered with something that could not be read ({type(error).__name__})."
                raise (Retryable(message) if reads else OutcomeUnknown(message)) from None


def _read(invoice: Any) -> StripeInvoice:
    known = _plain(invoice)
    currency = known["currency"]
    tax, discount = (
        sum(part["amount"] for part in known.get(name) or ()) for name in ("total_taxes", "total_discount_amounts")
    )
    return StripeInvoice(
        id=known["id"],
        status=known["status"],
        total_cents=from_wire(known["total"], currency),
        url=known.get("hosted_invoice_url") or "",
        tax_cents=from_wire(tax, currency),
        discount_cents=from_wire(discount, currency),
        mark=_marks(known).get(DOCUMENT_MARK, ""),
        number=known.get("number") or "",
        balance_applied_cents=from_wire((known.get("ending_balance") or 0) - known["starting_balance"], currency)
        if known["status"] != "draft"
        else 0,
        created=known["created"],
    )


def _plain(thing: Any) -> dict[str, Any]:
    found: dict[str, Any] = thing.to_dict() if isinstance(thing, stripe.StripeObject) else thing
    return found


def _marks(thing: Any) -> dict[str, str]:
    return dict(_plain(thing).get("metadata") or {})


def _read_line(line: Any) -> tuple[str, int]:
    return _marks(line).get(LINE_MARK, str(line["id"])), from_wire(int(line["amount"]), line["currency"])


def _translate(error: stripe.StripeError, *, reads: bool) -> Exception:
    """Give an error of Stripe's its kind; its own sentence is kept where it speaks of the request, not of keys."""
    said = error.user_message or str(error.code or type(error).__name__)
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return Misconfigured("Stripe refuses the API key: set STRIPE_API_KEY to a valid one.")
    if isinstance(error, stripe.RateLimitError):
        return Retryable("Stripe asked us to slow down (429).")
    if isinstance(error, stripe.APIConnectionError):
        message = "Stripe did not answer in time, or the connection broke."
        return Retryable(message) if reads else OutcomeUnknown(message)
    if error.http_status == 409:
        # The first request under this key goes on: another key now could do its work twice.
        return Retryable("Stripe is still busy with the same request.")
    if isinstance(error, stripe.IdempotencyError):
        return SavedFailure("Stripe knows this idempotency key with other parameters.")
    if error.http_status == 404:
        return NotThere(f"Stripe refused the request ({error.http_status}): {said}")
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        message = f"Stripe refused the request ({error.http_status}): {said}"
        return Permanent(message) if reads else SavedRefusal(message)
    message = f"Stripe failed on its side ({error.http_status})."
    return Retryable(message) if reads else SavedFailure(message)
