"""Snapshots: what a provider told of each creator, four times a day."""

import datetime as dt
from typing import Any

from django.db import models
from django.db.models import Q

from accounts.models import Organization
from analytics.registry import find_source

SLOT = dt.timedelta(hours=6)


def slot_of(moment: dt.datetime) -> dt.datetime:
    """Find the six-hour slot, in UTC, that an instant falls into: midnight, six, noon or eighteen o'clock."""
    moment = moment.astimezone(dt.UTC)
    return moment.replace(hour=moment.hour - moment.hour % 6, minute=0, second=0, microsecond=0)


class ProviderSnapshot(models.Model):
    """What one provider told of one creator in one slot, and how that differs from the slot before.

    `metrics`, `deltas` and `jumps` are by the metrics' names; of a metric that was not known before there is no delta.
    """

    class State(models.TextChoices):
        COMPLETE = "complete", "Complete"
        PARTIAL = "partial", "Partial"
        FAILED = "failed", "Failed"

    provider = models.CharField(max_length=32)
    creator = models.CharField(max_length=64, help_text="The provider's own id.")
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    slot_at = models.DateTimeField("slot", help_text="When the slot began, in UTC.")
    read_at = models.DateTimeField(help_text="When the source was asked.")
    state = models.CharField(max_length=16, choices=State, default=State.COMPLETE)
    error = models.TextField(blank=True, help_text="Why something is missing.")
    currency = models.CharField(max_length=3, blank=True, help_text="Of the money among the metrics.")
    metrics = models.JSONField(default=dict)
    deltas = models.JSONField(default=dict, help_text="Changes since the slot before.")
    jumps = models.JSONField(default=dict, help_text="Changes out of all proportion to the usual ones.")

    class Meta:
        ordering = ["-slot_at", "-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["provider", "creator", "slot_at"], name="analytics_snapshot_unique"),
        ]
        indexes = [
            models.Index(fields=["-slot_at", "-id"], name="analytics_snapshot_slot"),
            models.Index(fields=["organization", "-slot_at", "-id"], name="analytics_snapshot_org"),
            models.Index(fields=["creator", "-slot_at", "-id"], name="analytics_snapshot_creator"),
            models.Index(fields=["-slot_at", "-id"], condition=~Q(jumps={}), name="analytics_snapshot_jumps"),
            models.Index(fields=["-slot_at", "-id"], condition=~Q(state="complete"), name="analytics_snapshot_trouble"),
        ]

    def __str__(self) -> str:
        return f"{self.creator} at {self.provider}, {self.slot_at:%Y-%m-%d %H:%M}"

    @property
    def provider_title(self) -> str:
        """What people call the provider."""
        source = find_source(self.provider)
        return source.title if source else self.provider

    def jump_of(self, metric: str) -> dict[str, Any] | None:
        """Return a metric's jump: its `change` and the `usual` one; None where it did not jump."""
        found: dict[str, Any] | None = self.jumps.get(metric)
        return found
