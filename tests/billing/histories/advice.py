"""What people do who follow what they are told: where a delivery failed, and where Stripe and we differ."""

from collections.abc import Callable
from typing import Any

from billing.models import Invoice, InvoiceDelivery, StripeRecord
from billing.selectors.obstacles import get_obstacle_to_void
from billing.selectors.payments import describe_difference, list_differing
from billing.services.deciding import credit_and_deliver, void_and_deliver
from billing.services.resending import retry_delivery
from common.clock import now
from tests.billing.histories.books import StripeBooks, get_paid
from tests.billing.histories.runs import Runs

_WHY: dict[str, Any] = {"actor": None, "reason": "Advised"}
Follow = Callable[[Invoice], None]


class Advised(Runs):
    """People who read what is said, and do it."""

    def heed(self) -> bool:
        """Do what is advised, each thing once; return whether there was anything to do."""
        advised = [*self._list_failures(), *self._list_differences()]
        for about, said in advised:
            if found := self._find_advice(said):
                self.customer = next(one for one in self.customers if one.id == about.organization_id)
                self.note(self._follow(about, *found))
        return bool(advised)

    def _follow(self, about: Invoice, words: str, follow: Follow) -> str:
        said = self.attempt(f"follow “{words}”", about, lambda: follow(about))
        self.work_off()
        self.observe()
        return f"{about.organization_id}: {said}"

    def is_advice(self, said: str) -> bool:
        """Return whether a text says what people are to do in Stripe or here."""
        return self._find_advice(said) is not None

    def list_waiting(self) -> set[str]:
        """List the invoices in Stripe about whose delivery, or whose credit notes', people are told what to do."""
        waiting = {about.corrects_id or about.pk for about, said in self._list_failures() if self.is_advice(said)}
        return set(StripeRecord.objects.filter(invoice__in=waiting).values_list("stripe_invoice", flat=True))

    def _find_advice(self, said: str) -> tuple[str, Follow] | None:
        return next(((words, follow) for words, follow in self._find_follows() if words in said), None)

    def _list_failures(self) -> list[tuple[Invoice, str]]:
        failed = InvoiceDelivery.objects.filter(status="failed").select_related("invoice").order_by("pk")
        return [(delivery.invoice, delivery.error) for delivery in failed]

    def _list_differences(self) -> list[tuple[Invoice, str]]:
        records = StripeRecord.objects.filter(invoice__in=list_differing()).select_related("invoice").order_by("pk")
        return [(record.invoice, describe_difference(record.invoice, record)) for record in records]

    def _find_follows(self) -> list[tuple[str, Follow]]:
        return [
            ("credit the rest as well", self._credit_all),
            ("can't be credited in Stripe", self._credit_all_instead),
            ("neither voids nor credits it", self._close_there),
            ("voided in Stripe", self._take_back_here),
            ("is paid in Stripe and can't be voided there", self._credit_there),
            ("It is void here and was paid in Stripe", self._credit_there),
            ("Issue one over the same amount here", self._credit_all),
            ("Issue a credit note here too", self._credit_all),
        ]

    def _credit_all(self, about: Invoice) -> None:
        """Credit all that is left of an invoice, and deliver what waited for that."""
        invoice = about.corrects or about
        note, _ = credit_and_deliver(invoice.pk, now=now(), **_WHY)
        for waiting in invoice.corrections.exclude(pk=note.pk).exclude(status="void"):
            retry_delivery(waiting.pk, **_WHY)

    def _credit_all_instead(self, note: Invoice) -> None:
        void_and_deliver(note.pk, **_WHY)
        self._credit_all(note)

    def _take_back_here(self, invoice: Invoice) -> None:
        if get_obstacle_to_void(invoice):
            self._credit_all(invoice)
        else:
            void_and_deliver(invoice.pk, **_WHY)

    def _close_there(self, about: Invoice) -> None:
        """Mark it there as paid elsewhere, and credit it: what came in as credit, the rest as refunded outside."""
        invoice = about.corrects or about
        id_ = self._name_there(invoice)
        books = StripeBooks(self.outside)
        there, returned = books.invoices[id_], books.free_refunds(id_)
        rest = there["amount_remaining"]
        room = there["total"] - sum(note["total"] for note in books.live_notes(id_))
        self.outside.act("POST", f"invoices/{id_}/pay", paid_out_of_band="true")
        given = {f"refunds[{place}][refund]": name for place, name in enumerate(returned)}
        given |= {f"refunds[{place}][amount_refunded]": str(cents) for place, cents in enumerate(returned.values())}
        outside = rest + max(books.lost(id_) - books.outside(id_), 0)
        if credit := room - outside - sum(returned.values()):
            given["credit_amount"] = str(credit)
        given["out_of_band_amount"] = str(outside)
        self.outside.act("POST", "credit_notes", invoice=id_, amount=str(room), **given)
        retry_delivery(about.pk, **_WHY)

    def _credit_there(self, invoice: Invoice) -> None:
        """Credit in Stripe what is void here and was paid there, as far as it did not go back already."""
        id_ = self._name_there(invoice)
        books = StripeBooks(self.outside)
        back = sum(note["total"] for note in books.live_notes(id_)) + sum(books.free_refunds(id_).values())
        back += max(books.lost(id_) - books.outside(id_), 0)
        if (left := min(books.invoices[id_]["total"] - back, get_paid(books.invoices[id_]))) > 0:
            self.outside.control("POST", f"/stripe/invoices/{id_}/credit", amount=left)
        retry_delivery(invoice.pk, **_WHY)

    @staticmethod
    def _name_there(invoice: Invoice) -> str:
        return str(StripeRecord.objects.values_list("stripe_invoice", flat=True).get(invoice=invoice))
