"""What was done to deliver an invoice: one row an effect, which is why each happens once."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from billing.models.invoices import Invoice


class InvoiceDelivery(models.Model):
    """One effect of one invoice: its PDF, its file, its Stripe invoice, its e-mail (a resend is a further row)."""

    class Step(models.TextChoices):
        STRIPE = "stripe", "Stripe"
        PDF = "pdf", "PDF"
        STORE = "store", "Storage"
        EMAIL = "email", "E-mail"
        STRIPE_VOID = "stripe_void", "Void in Stripe"

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Not wanted"
        FAILED = "failed", "Failed"
        UNKNOWN = "unknown", "Outcome unknown"

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    step = models.CharField(max_length=16, choices=Step)
    sequence = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    reference = models.CharField(
        max_length=255, blank=True, help_text="What it is called outside: file, Stripe invoice, Message-ID."
    )
    detail = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    # The job item, and its fencing token, in whose name a worker is at it.
    held_by_item = models.BigIntegerField(null=True, blank=True)
    held_by_token = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["invoice", "id"]
        default_permissions = ("view",)
        verbose_name_plural = "invoice deliveries"
        constraints = [models.UniqueConstraint(fields=["invoice", "step", "sequence"], name="billing_delivery_unique")]
        indexes = [
            models.Index(fields=["reference"], condition=~Q(reference=""), name="billing_delivery_reference"),
            models.Index(
                fields=["step", "invoice"],
                condition=Q(status__in=["failed", "unknown"]),
                name="billing_delivery_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_step_display()} of {self.invoice}"
