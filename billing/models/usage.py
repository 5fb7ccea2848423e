"""Metered usage: events as they come, hours as they are billed."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Organization


class Meter(models.Model):
    """Something that is counted, like messages sent."""

    code = models.SlugField(max_length=64, unique=True)
    unit_name = models.CharField(max_length=64, help_text="One unit for people, like “message”.")

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class UsageEvent(models.Model):
    """A measured use; the same key from the same organization is the same event."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+", db_index=False)
    quantity = models.DecimalField(max_digits=24, decimal_places=6)
    occurred_at = models.DateTimeField()
    idempotency_key = models.CharField(max_length=200)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-occurred_at"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "idempotency_key"], name="billing_usage_event_unique")
        ]
        indexes = [
            models.Index(fields=["occurred_at"], name="billing_usage_event_at"),
            models.Index(fields=["received_at"], name="billing_usage_event_received"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.meter}"


class UsageHour(models.Model):
    """What an organization used of a meter in an hour (UTC); always recomputed whole, never added to."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+", db_index=False)
    hour = models.DateTimeField()
    quantity = models.DecimalField(max_digits=24, decimal_places=6)
    # Set by the database whenever the quantity is written: late usage is found by it.
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-hour"]
        verbose_name_plural = "usage"
        constraints = [
            models.UniqueConstraint(fields=["organization", "meter", "hour"], name="billing_usage_hour_unique")
        ]
        indexes = [models.Index(fields=["organization", "changed_at"], name="billing_usage_hour_changed")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.meter} at {self.hour:%Y-%m-%d %H}:00"
