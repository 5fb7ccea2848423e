"""What Stripe tells about payments: the events as they came, and what follows from them for each invoice."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone

from billing.models.accounts import BillingAccount
from billing.models.invoices import Invoice
from workqueue.models import LeasedRow


class Payment(models.Model):
    """Money that came in for an invoice, or went back: told by Stripe, or recorded by staff, once each.

    A payment of Stripe's is unique by its id there, one that staff record by the form that asked.
    """

    class Kind(models.TextChoices):
        PAYMENT = "payment", "Payment"
        REFUND = "refund", "Refund"

    class Source(models.TextChoices):
        STRIPE = "stripe", "Stripe"
        STAFF = "staff", "Recorded by hand"

    class Method(models.TextChoices):
        CARD = "card", "Card"
        BANK_TRANSFER = "bank_transfer", "Bank transfer"
        CASH = "cash", "Cash"
        OTHER = "other", "Other"

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.PAYMENT)
    source = models.CharField(max_length=16, choices=Source)
    amount_cents = models.BigIntegerField(help_text="Above zero, whichever way the money went.")
    method = models.CharField(max_length=16, choices=Method, blank=True)
    reference = models.CharField(max_length=255, blank=True, help_text="As on the bank statement.")
    received_date = models.DateField("date", help_text="The day the money came in or went out.")
    external_id = models.CharField("id in Stripe", max_length=255, unique=True, null=True, blank=True)
    token = models.CharField(
        max_length=64, unique=True, null=True, blank=True, help_text="Of the form that asked, so that it acts once."
    )
    recorded_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reversed_at = models.DateTimeField(null=True, blank=True)
    reversed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reversed_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-received_date", "-id"]
        default_permissions = ("view",)
        permissions = [("record_payment", "Can record and reverse payments")]
        indexes = [
            models.Index(fields=["-received_date", "-id"], name="billing_payment_newest"),
            models.Index(Upper("reference"), name="billing_payment_reference"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="billing_payment_positive"),
            models.CheckConstraint(
                condition=Q(source="stripe", external_id__isnull=False) | Q(source="staff", external_id__isnull=True),
                name="billing_payment_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.received_date} for {self.invoice}"


class StripeRecord(models.Model):
    """What Stripe says about one of our invoices.

    State, payment, applied balance and attempts are joined from the events and only ever rise; what can rise and fall
    (credit notes, refunds, disputes, what is left to pay) is looked up in Stripe, and a look never overwrites what a
    later one saw.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        UNCOLLECTIBLE = "uncollectible", "Uncollectible"
        VOID = "void", "Void"
        PAID = "paid", "Paid"

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="stripe_record", primary_key=True)
    stripe_invoice = models.CharField("Stripe invoice", max_length=255)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    is_credited = models.BooleanField(default=False, help_text="Stripe calls it paid because it was credited there.")
    amount_paid_cents = models.BigIntegerField(default=0)
    balance_applied_cents = models.BigIntegerField(
        null=True, blank=True, help_text="The customer's balance that Stripe used; empty until that is known."
    )
    paid_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="How often Stripe tried to collect it.")
    failed_attempt = models.PositiveIntegerField(default=0, help_text="The number of the last attempt that failed.")
    failed_at = models.DateTimeField(null=True, blank=True, help_text="When that was.")
    failure = models.CharField(max_length=500, blank=True, help_text="Why it failed, in Stripe's words.")
    refunded_cents = models.BigIntegerField(default=0)
    dispute = models.CharField(max_length=32, blank=True, help_text="Stripe's status of the gravest dispute.")
    disputed_cents = models.BigIntegerField(default=0, help_text="Taken back by the bank, or lost for good.")
    lost_cents = models.BigIntegerField(default=0, help_text="Of it, what is lost for good.")
    foreign_before_cents = models.BigIntegerField(
        default=0, help_text="Taken off what was open, by credit notes made in Stripe by hand."
    )
    foreign_after_cents = models.BigIntegerField(
        default=0, help_text="Given back of what was paid, by credit notes made in Stripe by hand."
    )
    foreign_returned_cents = models.BigIntegerField(
        default=0, help_text="Of it, what credit notes made in Stripe by hand count as gone back before."
    )
    unexplained_cents = models.BigIntegerField(
        default=0, help_text="What Stripe asks for beyond what our rows explain, when it was last looked up."
    )
    # The ticket of the look that saw what is written here.
    look_written = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["invoice"], condition=Q(state="void") | Q(is_credited=True), name="billing_payment_taken_back"
            ),
            models.Index(
                fields=["invoice"],
                condition=Q(state__in=["open", "uncollectible"], failed_at__isnull=False),
                name="billing_payment_failed",
            ),
            models.Index(
                fields=["invoice"],
                condition=Q(foreign_before_cents__gt=0) | Q(foreign_after_cents__gt=0) | ~Q(unexplained_cents=0),
                name="billing_payment_unexplained",
            ),
            models.Index(fields=["invoice"], condition=~Q(dispute=""), name="billing_payment_disputed"),
        ]

    def __str__(self) -> str:
        return f"Payment of {self.invoice}"


class StripeEvent(LeasedRow):
    """One event as Stripe sent it, once however often it came, and what became of it; a queue and a ledger in one."""

    class Source(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        EVENTBRIDGE = "eventbridge", "EventBridge"
        REPAIR = "repair", "Repair"
        IMPORT = "import", "Import"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WORKING = "working", "Looking it up"
        DONE = "done", "Processed"
        IGNORED = "ignored", "Kept only"
        DEAD = "dead", "Failed"
        DISMISSED = "dismissed", "Dismissed"

    event_id = models.CharField("event", max_length=255)
    type = models.CharField(max_length=100)
    object_id = models.CharField("object", max_length=255, blank=True)
    created_at = models.DateTimeField("created (UTC)", help_text="By Stripe's clock; no order follows from it.")
    received_at = models.DateTimeField(default=timezone.now)
    source = models.CharField(max_length=16, choices=Source)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    look_at = models.CharField(max_length=255, blank=True, help_text="What has to be looked up in Stripe for it.")
    note = models.CharField(max_length=500, blank=True)
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="stripe_events", db_index=False
    )
    account = models.ForeignKey(
        BillingAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="stripe_events", db_index=False
    )
    body = models.JSONField()

    class Meta:
        ordering = ["-id"]
        verbose_name = "Stripe event"
        default_permissions = ("view",)
        permissions = [
            ("process_stripeevent", "Can process Stripe events again"),
            ("dismiss_stripeevent", "Can dismiss Stripe events that failed"),
        ]
        constraints = [models.UniqueConstraint(fields=["event_id"], name="billing_event_unique")]
        indexes = [
            models.Index(fields=["id"], condition=Q(status__in=["waiting", "working"]), name="billing_event_active"),
            models.Index(
                fields=["look_at"],
                condition=Q(status__in=["waiting", "working"]) & ~Q(look_at=""),
                name="billing_event_look",
            ),
            models.Index(fields=["-id"], condition=Q(status="dead"), name="billing_event_failed"),
            models.Index(fields=["object_id", "-id"], name="billing_event_object"),
            models.Index(fields=["type", "-id"], name="billing_event_type"),
            models.Index(fields=["invoice", "-id"], condition=Q(invoice__isnull=False), name="billing_event_invoice"),
            models.Index(fields=["account", "-id"], condition=Q(account__isnull=False), name="billing_event_account"),
        ]

    def __str__(self) -> str:
        return self.event_id
