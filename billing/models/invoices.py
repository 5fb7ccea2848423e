"""Invoices and their lines, numbers, and the commission they were computed from."""

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from accounts.models import Organization
from billing.models.plans import PlanTerms
from billing.models.usage import Meter
from common.clock import Month
from jobs.models import JobRun
from onlyfans.models import CreatorAccount


class NumberSeries(models.Model):
    """A counter without gaps: raised in the transaction that gives the number."""

    prefix = models.CharField(max_length=8)
    year = models.PositiveSmallIntegerField()
    last_number = models.PositiveIntegerField(default=0)
    # Up to which number the event log was told; whoever gives numbers has no time for that.
    recorded_number = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        ordering = ["-year", "prefix"]
        default_permissions = ("view",)
        verbose_name_plural = "number series"
        constraints = [models.UniqueConstraint(fields=["prefix", "year"], name="billing_series_unique")]

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year}"


_IN = F("remaining_cents") + F("paid_cents") + F("credited_before_cents") + F("credited_after_cents")
_OUT = F("refunded_cents")


class Invoice(models.Model):
    """A month's invoice or a credit note; once it has a number, the database refuses changes to what it says."""

    class Kind(models.TextChoices):
        INVOICE = "invoice", "Invoice"
        CREDIT_NOTE = "credit_note", "Credit note"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        HELD = "held", "Held for approval"
        REJECTED = "rejected", "Rejected"
        NOTHING_DUE = "nothing_due", "Nothing due"
        FINALIZED = "finalized", "Finalized"
        PAID = "paid", "Paid"
        UNCOLLECTIBLE = "uncollectible", "Uncollectible"
        CREDITED = "credited", "Credited"
        VOID = "void", "Void"

    UNISSUED = (Status.DRAFT, Status.HELD, Status.NOTHING_DUE)
    ISSUED = (Status.FINALIZED, Status.PAID, Status.UNCOLLECTIBLE)
    DEAD = (Status.REJECTED, Status.CREDITED, Status.VOID)

    # No index of its own where one below begins with the column, or where nobody looks the other way.
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="invoices", db_index=False)
    month = models.DateField(help_text="The first day of the month.")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.INVOICE)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    number = models.CharField(max_length=32, unique=True, null=True, blank=True)
    ordinal = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        editable=False,
        help_text="Which it is of the organization's documents of its kind for its month, counted as it is numbered.",
    )
    currency = models.CharField(max_length=3)
    subtotal_cents = models.BigIntegerField(default=0)
    tax_cents = models.BigIntegerField(default=0)
    total_cents = models.BigIntegerField(default=0)
    # What is owed, kept by `billing.services.balances` alone; of a correction, how it took its amount back.
    paid_cents = models.BigIntegerField(default=0, db_default=0)
    refunded_cents = models.BigIntegerField(default=0, db_default=0)
    disputed_cents = models.BigIntegerField(default=0, db_default=0)
    credited_before_cents = models.BigIntegerField(
        default=0, db_default=0, help_text="Taken off what was still open by credit notes."
    )
    credited_after_cents = models.BigIntegerField(
        default=0, db_default=0, help_text="Given back by credit notes of what was paid already."
    )
    balance_applied_cents = models.BigIntegerField(
        default=0, db_default=0, help_text="The customer's credit that was used when it was issued."
    )
    remaining_cents = models.BigIntegerField(default=0, db_default=0, help_text="What is still to be paid.")
    # Whatever came in and was credited, less what was asked for: the sum over a customer's documents is their credit.
    # A credit note on an invoice stands in the columns of that invoice.
    credit_cents = models.GeneratedField(
        expression=Case(
            When(Q(number__isnull=True) | Q(corrects__isnull=False, total_cents__lt=0), then=Value(0)),
            When(status="void", then=_IN - _OUT),
            default=_IN - _OUT - F("total_cents"),
        ),
        output_field=models.BigIntegerField(),
        db_persist=True,
        help_text="What it adds to the customer's credit; negative: what it used of it.",
    )
    issue_date = models.DateField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    corrects = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections", db_index=False
    )
    # What the month was billed by before: found through organization and month.
    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replacements", db_index=False
    )
    terms = models.ForeignKey(PlanTerms, on_delete=models.PROTECT, related_name="+", db_index=False)
    seller = models.JSONField(default=dict)
    buyer = models.JSONField(default=dict)
    held_reason = models.TextField(blank=True)
    run = models.ForeignKey(JobRun, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    computed_at = models.DateTimeField(default=timezone.now)
    finalized_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-month", "-id"]
        default_permissions = ("view",)
        permissions = [
            ("run_billing", "Can run, rerun and cancel billing"),
            ("approve_invoice", "Can approve and reject held invoices"),
            ("correct_invoice", "Can void and credit invoices"),
            ("deliver_invoice", "Can deliver and resend invoices"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "month"],
                condition=Q(corrects__isnull=True) & ~Q(status__in=["rejected", "credited", "void"]),
                name="billing_invoice_month_unique",
            ),
            # By these, and not by a row's id, it is known outside.
            models.UniqueConstraint(
                fields=["organization", "month", "kind", "ordinal"], name="billing_invoice_identity"
            ),
            models.CheckConstraint(
                condition=Q(total_cents=F("subtotal_cents") + F("tax_cents")), name="billing_invoice_total"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="billing_invoice_first_day"),
        ]
        indexes = [
            models.Index(fields=["organization", "month"], name="billing_invoice_organization"),
            models.Index(fields=["corrects"], condition=Q(corrects__isnull=False), name="billing_invoice_corrects"),
            models.Index(fields=["month", "status", "-id"], name="billing_invoice_month_status"),
            models.Index(fields=["-month", "-id"], name="billing_invoice_newest"),
            models.Index(
                fields=["-month", "-id"], condition=Q(kind="credit_note"), name="billing_invoice_credit_notes"
            ),
            models.Index(
                fields=["month", "currency"],
                include=["subtotal_cents", "tax_cents", "status"],
                condition=Q(status__in=["finalized", "paid", "uncollectible", "credited"]),
                name="billing_invoice_revenue",
            ),
            models.Index(fields=["id"], condition=Q(status="held"), name="billing_invoice_held"),
            models.Index(
                fields=["id"],
                condition=Q(refunded_cents__gt=0) | Q(disputed_cents__gt=0),
                name="billing_invoice_returned",
            ),
            models.Index(fields=["id"], condition=Q(status="void"), name="billing_invoice_void"),
            # Hardly any invoice, so that whoever has no credit costs nothing.
            models.Index(
                fields=["organization"],
                include=["currency", "credit_cents"],
                condition=~Q(credit_cents=0),
                name="billing_invoice_credit",
            ),
            models.Index(
                fields=["due_date", "currency"],
                include=["remaining_cents"],
                condition=Q(status="finalized"),
                name="billing_invoice_outstanding",
            ),
            # Hardly any: what Stripe asks for beyond an invoice, as it was owed before.
            models.Index(
                fields=["id"],
                condition=Q(status="credited", remaining_cents__gt=0),
                name="billing_invoice_owed_before",
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"{self.get_kind_display()} {self.month:%Y-%m} (no number)"

    @property
    def period(self) -> Month:
        return Month.of(self.month)

    @property
    def seen_mark(self) -> str:
        """What a person saw who decides about it: it changes when the invoice is computed anew."""
        return f"{self.total_cents}:{self.computed_at.isoformat()}"

    @property
    def is_issued(self) -> bool:
        """Whether it has its number, from which on it never changes."""
        return self.number is not None


class InvoiceLine(models.Model):
    """An amount and how it came about; a total is the sum of its lines, tax among them."""

    class Kind(models.TextChoices):
        BASE_FEE = "base_fee", "Base fee"
        COMMISSION = "commission", "Commission"
        USAGE = "usage", "Usage"
        ADJUSTMENT = "adjustment", "Adjustment"
        TAX = "tax", "Tax"

    # An index below begins with each of the columns that have none of their own.
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=Kind)
    description = models.CharField(max_length=500)
    month = models.DateField(help_text="The month that it is for: an earlier one for an adjustment.")
    creator = models.ForeignKey(
        CreatorAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    corrects = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections", db_index=False
    )
    quantity = models.DecimalField(max_digits=24, decimal_places=6, default=1)
    amount_cents = models.BigIntegerField()
    explanation = models.JSONField(default=dict)

    class Meta:
        ordering = ["invoice", "position"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="billing_line_position")]
        indexes = [
            models.Index(fields=["creator", "month"], condition=Q(creator__isnull=False), name="billing_line_creator"),
            models.Index(fields=["corrects"], condition=Q(corrects__isnull=False), name="billing_line_corrects"),
        ]

    def __str__(self) -> str:
        return self.description


class CommissionStatement(models.Model):
    """What a creator's month came to, as last billed; its lines, original and adjustments, are the ledger."""

    creator = models.ForeignKey(CreatorAccount, on_delete=models.PROTECT, related_name="statements", db_index=False)
    month = models.DateField(help_text="The first day of the month.")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="statements")
    gross_cents = models.BigIntegerField()
    net_cents = models.BigIntegerField()
    carried_in_cents = models.BigIntegerField(help_text="A deficit of former months, negative.")
    basis_cents = models.BigIntegerField(help_text="Earnings less chargebacks and what was carried in.")
    commission_cents = models.BigIntegerField()
    carried_cents = models.BigIntegerField(help_text="A deficit carried to the next month, negative.")
    computed_at = models.DateTimeField()

    class Meta:
        ordering = ["-month", "creator"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["creator", "month"], name="billing_statement_unique")]

    def __str__(self) -> str:
        return f"{self.creator} {self.month:%Y-%m}"


class InvoiceAction(models.Model):
    """What a person did to an invoice, and why."""

    class Verb(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"
        VOID = "void", "Voided"
        CREDIT = "credit", "Credited"
        RESEND = "resend", "Sent again"
        SETTLE = "settle", "Settled by hand"
        PAYMENT = "payment", "Payment recorded"
        REFUND = "refund", "Refund recorded"
        REVERSE = "reverse", "Payment reversed"
        STAND = "stand", "Stands again"

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="actions")
    verb = models.CharField(max_length=16, choices=Verb)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    data = models.JSONField(default=dict, blank=True)
    token = models.CharField(
        max_length=64, unique=True, null=True, blank=True, help_text="Of the form that asked, so that it acts once."
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.get_verb_display()} by {self.actor or 'nobody'}"
