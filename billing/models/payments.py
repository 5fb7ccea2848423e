"""What Stripe tells about payments: the events as they came, and what follows from them for each invoice."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from billing.models.accounts import BillingAccount
from billing.models.invoices import Invoice


class InvoicePayment(models.Model):
    """What Stripe says about the payment of one of our invoices; written by its events alone.

    State, payment and attempts are joined from the events and only ever rise; refunds, disputes and the reason of a
    failure are looked up in Stripe, and a look never overwrites what a later one saw.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        UNCOLLECTIBLE = "uncollectible", "Uncollectible"
        VOID = "void", "Void"
        PAID = "paid", "Paid"

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="payment", primary_key=True)
    stripe_invoice = models.CharField("Stripe invoice", max_length=255)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    is_credited = models.BooleanField(default=False, help_text="Stripe calls it paid because it was credited there.")
    amount_paid_cents = models.BigIntegerField(default=0)
    paid_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="How often Stripe tried to collect it.")
    failed_attempt = models.PositiveIntegerField(default=0, help_text="The number of the last attempt that failed.")
    failed_at = models.DateTimeField(null=True, blank=True, help_text="When that was.")
    failure = models.CharField(max_length=500, blank=True, help_text="Why it failed, in Stripe's words.")
    refunded_cents = models.BigIntegerField(default=0)
    dispute = models.CharField(max_length=32, blank=True, help_text="Stripe's status of the gravest dispute.")
    disputed_cents = models.BigIntegerField(default=0)
    # How many looks were begun, and which of them saw what is written here.
    looks_begun = models.PositiveIntegerField(default=0)
    look_written = models.PositiveIntegerField(default=0)

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
            models.Index(fields=["invoice"], condition=Q(refunded_cents__gt=0), name="billing_payment_refunded"),
            models.Index(fields=["invoice"], condition=~Q(dispute=""), name="billing_payment_disputed"),
        ]

    def __str__(self) -> str:
        return f"Payment of {self.invoice}"


class StripeEvent(models.Model):
    """One event as Stripe sent it, once however often it came, and what became of it; a queue and a ledger in one."""

    class Source(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        EVENTBRIDGE = "eventbridge", "EventBridge"
        REPAIR = "repair", "Repair"
        IMPORT = "import", "Import"

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Looking it up"
        DONE = "done", "Processed"
        IGNORED = "ignored", "Kept only"
        FAILED = "failed", "Failed"
        DISMISSED = "dismissed", "Dismissed"

    ACTIVE = (Status.PENDING, Status.RUNNING)

    event_id = models.CharField("event", max_length=255)
    type = models.CharField(max_length=100)
    object_id = models.CharField("object", max_length=255, blank=True)
    created_at = models.DateTimeField("created (UTC)", help_text="By Stripe's clock; no order follows from it.")
    received_at = models.DateTimeField(default=timezone.now)
    source = models.CharField(max_length=16, choices=Source)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    look_at = models.CharField(max_length=255, blank=True, help_text="What has to be looked up in Stripe for it.")
    error = models.TextField(blank=True)
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
            models.Index(fields=["id"], condition=Q(status__in=["pending", "running"]), name="billing_event_active"),
            models.Index(
                fields=["look_at"],
                condition=Q(status__in=["pending", "running"]) & ~Q(look_at=""),
                name="billing_event_look",
            ),
            models.Index(fields=["-id"], condition=Q(status="failed"), name="billing_event_failed"),
            models.Index(fields=["object_id", "-id"], name="billing_event_object"),
            models.Index(fields=["type", "-id"], name="billing_event_type"),
            models.Index(fields=["invoice", "-id"], condition=Q(invoice__isnull=False), name="billing_event_invoice"),
            models.Index(fields=["account", "-id"], condition=Q(account__isnull=False), name="billing_event_account"),
        ]

    def __str__(self) -> str:
        return self.event_id
