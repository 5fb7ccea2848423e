"""What staff do about customers: hold, decide, credit, void, park, record what came in elsewhere."""

from typing import Any

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, InvoiceLine, Payment
from billing.services.correcting import reject_invoice
from billing.services.deciding import approve_and_bill, credit_and_deliver, void_and_deliver
from billing.services.parking import park_account, unpark_account
from billing.services.payments import record_payment, record_refund, reverse_payment
from billing.services.resending import resend_invoice, retry_delivery
from common.clock import now
from tests.billing.histories.customers import World

_WHY: dict[str, Any] = {"actor": None, "reason": "Random"}


class Staff(World):
    """Staff at work."""

    def credit(self) -> str:
        """Credit an invoice, in full or some of its lines in part."""
        # Those with lines of both signs are few, and the harder ones.
        both = self.choose(corrects=None, status__in=Invoice.ISSUED, lines__amount_cents__lt=0, total_cents__gt=0)
        invoice = both or self.choose(corrects=None, status__in=Invoice.ISSUED)
        if invoice is None:
            return ""
        amounts = None if self.random.random() < 0.5 else self._choose_amounts(invoice)
        what = f"credit {'in full' if amounts is None else 'in part'}"
        signs = {line.amount_cents > 0 for line in invoice.lines.all() if line.amount_cents}
        said = self.attempt(
            what, f"{invoice} {amounts}", lambda: credit_and_deliver(invoice.pk, now=now(), amounts=amounts, **_WHY)
        )
        if len(signs) == 2 and "refused" not in said:
            self.done["credit of lines of both signs"] += 1
        if amounts and "refused" not in said:
            self._check_note(invoice, amounts)
        return said

    def _choose_amounts(self, invoice: Invoice) -> dict[int, int]:
        step = self.customer.agreement.step
        taken: dict[int, int] = {}
        for note in invoice.corrections.exclude(status="void"):
            for line in note.lines.all():
                taken[line.corrects_id or 0] = taken.get(line.corrects_id or 0, 0) - line.amount_cents
        lines = invoice.lines.exclude(kind=InvoiceLine.Kind.TAX).order_by("pk")
        left = [(line.pk, line.amount_cents - taken.get(line.pk, 0)) for line in lines]
        left = [(id_, cents) for id_, cents in left if cents]
        chosen = self.random.sample(left, min(len(left), self.random.choice([1, 1, 2, 3])))
        return {
            id_: (1 if cents > 0 else -1) * (int(abs(cents) * self.random.choice([1, 1, 0.5, 0.1])) // step * step)
            for id_, cents in chosen
        }

    def _check_note(self, invoice: Invoice, amounts: dict[int, int]) -> None:
        """Compare a credit note with what was asked for, and its tax with the oracle's."""
        note = invoice.corrections.latest("pk")
        asked, tax = -sum(amounts.values()), self.customer.agreement.tax(-sum(amounts.values()))
        taken_all = -sum(one.total_cents for one in invoice.corrections.exclude(status="void")) == invoice.total_cents
        if note.subtotal_cents != asked or (abs(note.tax_cents - tax) > self.customer.agreement.step and not taken_all):
            self.fault(f"{note} is {note.subtotal_cents} + tax {note.tax_cents}; asked for was {asked} + tax {tax}")

    def void(self) -> str:
        invoice = self.choose(number__isnull=False, status__in=Invoice.ISSUED)
        if invoice is None:
            return ""
        what = "void a credit note" if invoice.corrects_id else "void"
        return self.attempt(what, invoice, lambda: void_and_deliver(invoice.pk, **_WHY))

    def set_limit(self) -> str:
        """Set the limit above which invoices are held: all of them, or none."""
        limit = self.random.choice([0, 0, 10**12])
        BillingAccount.objects.filter(organization=self.customer.id).update(max_total_cents=limit)
        return f"limit is {limit}"

    def decide(self) -> str:
        held = self.choose(status="held")
        if held is None:
            return ""
        if self.random.random() < 0.6:
            return self.attempt("approve", held.pk, lambda: approve_and_bill(held.pk, **_WHY))
        return self.attempt("reject", held.pk, lambda: reject_invoice(held.pk, **_WHY))

    def park(self) -> str:
        account = self.customer.account
        what, action = ("unpark", unpark_account) if account.is_parked else ("park", park_account)
        return self.attempt(what, account, lambda: action(account.pk, **_WHY))

    def suspend(self) -> str:
        status = self.random.choice(["active", "suspended"])
        Organization.objects.filter(pk=self.customer.id).update(status=status)
        self.done[f"make {status}"] += 1
        return status

    def send_again(self) -> str:
        invoice = self.choose(number__isnull=False)
        if invoice is None:
            return ""
        if self.random.random() < 0.5:
            return self.attempt("retry", invoice, lambda: retry_delivery(invoice.pk, **_WHY))
        return self.attempt("send again", invoice, lambda: resend_invoice(invoice.pk, **_WHY))

    def record(self) -> str:
        """Record money that came in: all, a part, or too much; or that went back."""
        invoice = None if self.customer.in_stripe else self.choose(number__isnull=False, corrects=None)
        ledger = self.customer.ledger
        document = ledger.documents.get(str(invoice))
        if invoice is None or document is None:
            return ""
        asked, step = document.asked, self.customer.agreement.step
        given: dict[str, Any] = {"received_date": now().date(), "method": "cash", "reference": "Random", "actor": None}
        if self.random.random() < 0.3:
            cents = self.random.choice([max(ledger.credit, 0), 500]) or 500
            said = self.attempt(
                "record a refund", f"{invoice} {cents}",
                lambda: record_refund(invoice.pk, amount_cents=cents, **given),
            )  # fmt: skip
            if "refused" not in said:
                if cents > ledger.credit:
                    self.fault(f"A refund of {cents} was recorded where the customer has {ledger.credit}.")
                document.refunded += cents
            return said
        cents = self.random.choice([asked, asked // 2 // step * step, asked // 5 // step * step, asked + 3_000]) or 500
        kind = "in part" if cents < asked else "in full" if cents == asked else "more than is asked"
        accepts = self.random.random() < 0.8
        said = self.attempt(
            f"record a payment, {kind}", f"{invoice} {cents}",
            lambda: record_payment(invoice.pk, amount_cents=cents, accepts_excess=accepts, **given),
        )  # fmt: skip
        if "refused" not in said:
            document.paid += cents
        return said

    def reverse(self) -> str:
        found = list(Payment.objects.filter(source="staff", invoice__organization=self.customer.id).order_by("id"))
        if not found:
            return ""
        payment = self.random.choice(found)
        said = self.attempt(
            f"reverse a {payment.kind}",
            f"{payment.amount_cents} of {payment.invoice}",
            lambda: reverse_payment(payment.pk, **_WHY),
        )
        if "refused" not in said:
            document = self.customer.ledger.documents[str(payment.invoice)]
            document.paid -= payment.amount_cents if payment.kind == "payment" else 0
            document.refunded -= payment.amount_cents if payment.kind == "refund" else 0
        return said
