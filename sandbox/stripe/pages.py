"""Pages for people: customers, invoices and credit notes, as Stripe's dashboard and hosted pages would show them."""

from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.html import day, facts, link, page, table, when
from sandbox.store import Document
from sandbox.stripe.amounts import write as money
from sandbox.stripe.api import StripeApi
from sandbox.stripe.resources import payments
from sandbox.stripe.world import COLLECTIONS, LINES

_SHOWN = 500


def routes(api: StripeApi) -> list[Route]:
    pages = _Pages(api)
    return [
        Route("/stripe/dashboard", pages.dashboard),
        Route("/stripe/customers/{id}", pages.customer),
        Route("/stripe/invoices/{id}", pages.invoice),
        Route("/stripe/invoices/{id}/pay", pages.pay, methods=["POST"]),
        Route("/stripe/credit_notes/{id}", pages.credit_note),
    ]


class _Pages:
    def __init__(self, api: StripeApi) -> None:
        self.api = api

    def _select(self, kind: str, **where: Any) -> list[Document]:
        return self.api.world.store.select(COLLECTIONS[kind], where, newest_first=True, limit=_SHOWN)

    async def dashboard(self, request: Request) -> Response:
        customers = [
            [
                link(f"/stripe/customers/{entry['id']}", _name(entry)),
                escape(entry["email"] or ""),
                day(entry["created"]),
            ]
            for entry in self._select("customer", deleted=None)
        ]
        store = self.api.world.store
        counts = {state: store.count(COLLECTIONS["invoice"], {"status": state}) for state in _STATES}
        summary = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
        return page(
            "Stripe",
            f"<h1>Stripe</h1><h2>Invoices</h2><p class='soft'>{summary}</p>{self._invoices(self._select('invoice'))}"
            f"<h2>Customers</h2>{table(['Name', 'E-mail', 'Created'], customers, 'No customers yet.')}",
        )

    def _invoices(self, invoices: list[Document]) -> str:
        rows = [
            [
                link(f"/stripe/invoices/{entry['id']}", entry["number"] or "Draft"),
                escape(entry["customer_name"] or entry["customer_email"] or entry["customer"]),
                _state(entry["status"]),
                money(entry["total"], entry["currency"]),
                day(entry["due_date"]),
                when(entry["created"]),
            ]
            for entry in invoices
        ]
        return table(["Number", "Customer", "Status", ">Total", "Due", "Created"], rows, "No invoices yet.")

    async def customer(self, request: Request) -> Response:
        entry = self.api.world.store.get(COLLECTIONS["customer"], request.path_params["id"])
        if entry is None or entry.get("deleted"):
            return _nothing("customer")
        details = facts(
            {
                "Id": f"<code>{entry['id']}</code>",
                "E-mail": escape(entry["email"] or ""),
                "Balance": money(entry["balance"], entry["currency"] or "usd"),
                "Created": when(entry["created"]),
                **_metadata(entry),
            }
        )
        invoices = self._invoices(self._select("invoice", customer=entry["id"]))
        return page(
            _name(entry),
            f"<h1>{escape(_name(entry))}</h1><p>{_BACK}</p>{details}<h2>Invoices</h2>{invoices}",
        )

    async def invoice(self, request: Request) -> Response:
        entry = self.api.world.store.get(COLLECTIONS["invoice"], request.path_params["id"])
        if entry is None:
            return _nothing("invoice")
        title = f"Invoice {entry['number']}" if entry["number"] else "Draft invoice"
        details = facts(
            {
                "Customer": link(f"/stripe/customers/{entry['customer']}", entry["customer_name"] or entry["customer"]),
                "E-mail": escape(entry["customer_email"] or ""),
                "Id": f"<code>{entry['id']}</code>",
                "Issued": day(entry["effective_at"]),
                "Due": day(entry["due_date"]),
                "Amount due": money(entry["amount_due"], entry["currency"]),
                "Paid": money(entry["amount_paid"] + entry["amount_paid_off_stripe"], entry["currency"]),
                "Memo": escape(entry["description"] or ""),
                **_metadata(entry),
            }
        )
        pay = f'<form method="post" action="/stripe/invoices/{entry["id"]}/pay"><button>Pay</button></form>'
        return page(
            title,
            f"<h1>{escape(title)} {_state(entry['status'])}</h1><p>{_BACK}</p>{details}"
            f"<h2>Lines</h2>{self._lines(LINES, 'invoice', entry)}{self._notes(entry)}"
            f"{'<p></p>' + pay if entry['status'] == 'open' else ''}",
        )

    def _lines(self, collection: str, owner: str, entry: Document) -> str:
        currency = entry["currency"]
        rows = [
            [escape(line["description"] or ""), money(line["amount"], currency)]
            for line in self.api.world.store.select(collection, {owner: entry["id"]})
        ]
        foot = f'<tfoot><tr><th>Total</th><td class="number">{money(entry["total"], currency)}</td></tr></tfoot>'
        return table(["Description", ">Amount"], rows, "No lines.", foot)

    def _notes(self, invoice: Document) -> str:
        rows = [
            [
                link(f"/stripe/credit_notes/{note['id']}", note["number"]),
                _state(note["status"]),
                money(note["total"], note["currency"]),
            ]
            for note in self._select("credit_note", invoice=invoice["id"])
        ]
        return f"<h2>Credit notes</h2>{table(['Number', 'Status', '>Total'], rows, '')}" if rows else ""

    async def credit_note(self, request: Request) -> Response:
        entry = self.api.world.store.get(COLLECTIONS["credit_note"], request.path_params["id"])
        if entry is None:
            return _nothing("credit note")
        details = facts(
            {
                "Invoice": link(f"/stripe/invoices/{entry['invoice']}", entry["invoice"]),
                "Id": f"<code>{entry['id']}</code>",
                "Issued": day(entry["effective_at"]),
                "Reason": escape(entry["reason"] or ""),
                "Memo": escape(entry["memo"] or ""),
                **_metadata(entry),
            }
        )
        title = f"Credit note {entry['number']}"
        lines = self._lines("stripe.credit_note_lines", "credit_note", entry)
        return page(
            title,
            f"<h1>{escape(title)} {_state(entry['status'])}</h1><p>{_BACK}</p>{details}<h2>Lines</h2>{lines}",
        )

    async def pay(self, request: Request) -> Response:
        """What a customer does on the hosted page."""
        world = self.api.world
        invoice = world.store.get(COLLECTIONS["invoice"], request.path_params["id"])
        if invoice is None:
            return _nothing("invoice")
        if invoice["status"] == "open":
            world.call = None
            with world.store.transaction():
                payments.charge_invoice(world, invoice, "pm_card_visa")
        return RedirectResponse(f"/stripe/invoices/{invoice['id']}", 303)


_STATES = ("draft", "open", "paid", "uncollectible", "void")
_BACK = link("/stripe/dashboard", "← Customers and invoices")


def _state(status: str) -> str:
    return f'<span class="state {status}">{status}</span>'


def _name(customer: Document) -> str:
    return str(customer["name"] or customer["email"] or customer["id"])


def _metadata(entry: Document) -> dict[str, str]:
    return {f"metadata.{key}": escape(value) for key, value in (entry["metadata"] or {}).items()}


def _nothing(kind: str) -> Response:
    return page("Not found", f"<h1>Not found</h1><p>There is no such {kind} here.</p>", 404)
