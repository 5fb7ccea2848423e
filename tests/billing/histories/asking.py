"""That pages, lists, PDFs and e-mails ask for what Stripe and the oracle ask for."""

import io
import re
from collections import defaultdict
from collections.abc import Iterator

import pypdf

from billing.models import Invoice, InvoiceDelivery
from billing.selectors.payments import list_in_condition, list_outstanding
from billing.services.delivering import open_pdf
from tests.billing.histories.books import StripeBooks, There, get_applied, get_asked
from tests.billing.histories.customers import Customer
from tests.billing.histories.history import History
from tests.billing.histories.oracle import write_money
from tests.factories.events import list_events

# So many of a world's pages and files are read, for they take their time.
_PAGES = _FILES = 4


class Asking:
    """What each invoice is to ask for, by Stripe's books or by the oracle's; and where that is to be read."""

    def __init__(self, history: History, books: StripeBooks) -> None:
        self._history = history
        self._customers = {customer.id: customer for customer in history.customers}
        # Where people did something in Stripe by hand, what we ask for may differ until somebody settles it.
        self._there = {one["number"]: one for one in books.invoices.values() if one["id"] not in history.by_hand}
        found = Invoice.objects.filter(number__isnull=False, total_cents__gte=0)
        self._invoices = [invoice for invoice in found.order_by("pk") if self._is_known(invoice)]
        self._unknown = set(found.values_list("pk", flat=True)) - {invoice.pk for invoice in self._invoices}

    def _is_known(self, invoice: Invoice) -> bool:
        return not self._customers[invoice.organization_id].in_stripe or str(invoice) in self._there

    def _get_asked(self, invoice: Invoice) -> int:
        customer = self._customers[invoice.organization_id]
        if there := self._there.get(str(invoice)):
            return get_asked(there) // customer.wire
        return customer.ledger.documents[str(invoice)].asked

    def _is_written_off(self, invoice: Invoice) -> bool:
        return self._there.get(str(invoice), {}).get("status") == "uncollectible"

    def find_faults(self) -> Iterator[str]:
        yield from self._find_wrong_lists()
        # One over nothing says only what was owed before, if anything.
        asking = [invoice for invoice in self._invoices if invoice.total_cents]
        chosen = self._history.random.sample(asking, min(len(asking), _PAGES))
        for invoice in chosen:
            yield from self._find_wrong_page(invoice)
        stored = InvoiceDelivery.objects.filter(step="store", status="done").values_list("invoice", flat=True)
        with_file = [invoice for invoice in asking if invoice.pk in set(stored)]
        for invoice in self._history.random.sample(with_file, min(len(with_file), _FILES)):
            yield from self._find_wrong_file(invoice)
        yield from self._find_wrong_mails()

    def _find_wrong_lists(self) -> Iterator[str]:
        sums: defaultdict[str, int] = defaultdict(int)
        due = set()
        for invoice in self._invoices:
            if not self._is_written_off(invoice) and (asked := self._get_asked(invoice)):
                sums[invoice.currency] += asked
                due.add(invoice.pk)
        for invoice in Invoice.objects.filter(pk__in=self._unknown, status="finalized"):
            sums[invoice.currency] += invoice.remaining_cents
        shown = {one.currency: one.cents for one in list_outstanding() or ()}
        if shown != {currency: cents for currency, cents in sums.items() if cents}:
            yield f"Outstanding is shown as {shown}, asked for is {dict(sums)}"
        listed = set(list_in_condition(Invoice.objects.all(), "outstanding").values_list("pk", flat=True))
        if listed - self._unknown != due:
            for invoice in Invoice.objects.filter(pk__in=due ^ (listed - self._unknown)).order_by("pk"):
                name = f"{invoice} of {invoice.organization_id} ({invoice.status})"
                said = f"{invoice.remaining_cents} remain, {self._get_asked(invoice)} are asked for"
                yield f"{name} is {'' if invoice.pk in listed else 'not '}listed as outstanding: {said}"

    def _find_wrong_page(self, invoice: Invoice) -> Iterator[str]:
        text = self._history.reader.get(f"/admin/billing/invoice/{invoice.pk}/change/").content.decode()
        found = re.search(r"Remaining</dt>\s*<dd>\s*([^<]+?)\s*<", text)
        asked = write_money(self._get_asked(invoice), invoice.currency)
        if found is None or found[1] != asked:
            yield f"The page of {invoice} says that {found and found[1]} remains, asked for is {asked}"

    def _find_wrong_file(self, invoice: Invoice) -> Iterator[str]:
        """Compare a file with what was asked for when the invoice was issued."""
        customer = self._customers[invoice.organization_id]
        text = " ".join(pypdf.PdfReader(io.BytesIO(open_pdf(invoice))).pages[0].extract_text().split())
        due = write_money(invoice.total_cents - self._get_applied(customer, invoice), invoice.currency)
        if f"Amount due {due} " not in text and f"Total due {due} " not in text:
            yield f"The PDF of {invoice} doesn't ask for {due}: {text[:400]}"

    def _get_applied(self, customer: Customer, invoice: Invoice) -> int:
        if there := self._there.get(str(invoice)):
            return get_applied(there) // customer.wire
        return customer.ledger.documents[str(invoice)].applied

    def _find_wrong_mails(self) -> Iterator[str]:
        """See that e-mails ask for nothing that Stripe, or the oracle, did not ask for at some time."""
        ever = self._list_ever_asked()
        by_number = {str(invoice): invoice for invoice in self._invoices}
        for mail in self._history.outside.list_mails():
            if mail["number"] in self._history.read or not (said := re.search(r"\w+-\d{4}-\d+", mail["subject"])):
                continue
            self._history.read.add(mail["number"])
            invoice = by_number.get(said[0])
            if invoice is None or (invoice.period in self._history.without_stripe and str(invoice) in self._there):
                continue
            body = self._history.outside.read_mail(mail["number"]).get_body(("plain",))
            text = body.get_content() if body else ""
            found = re.search(r"Amount due: (.+)", text)
            asked = found[1].strip() if found else write_money(0, invoice.currency)
            allowed = {write_money(cents, invoice.currency) for cents in ever[str(invoice)]}
            if asked not in allowed:
                yield f"An e-mail asks for {asked} on {invoice}, asked for was ever {allowed}"

    def _list_ever_asked(self) -> dict[str, set[int]]:
        """List each amount that was ever asked for, by number."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        for event in list_events(self._history.outside):
            there: There = event["data"]["object"]
            if there["object"] == "invoice" and there["status"] != "draft" and there["number"]:
                wire = 100 if there["currency"] == "ugx" else 1
                found[there["number"]].add(get_asked(there) // wire)
        for customer in self._history.customers:
            for number, amounts in customer.ledger.ever_asked.items():
                found[number] |= amounts
        for invoice in self._invoices:
            found[str(invoice)].add(self._get_asked(invoice))
        return found
