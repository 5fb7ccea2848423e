"""Creator accounts."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Organization
from common.encryption import EncryptedJSONField


class CreatorAccount(models.Model):
    """An OnlyFans account that an organization runs."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        CLOSED = "closed", "Closed"

    class Connection(models.TextChoices):
        """What the gateway said of the stored credentials when they were last sent."""

        UNTRIED = "untried", "Not tried yet"
        CONNECTED = "connected", "Connected"
        EXPIRED = "expired", "Connect again"

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="creators", db_index=False)
    onlyfans_user_id = models.CharField("OnlyFans user id", max_length=64, unique=True)
    display_name = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    created_at = models.DateTimeField(default=timezone.now)
    credentials = EncryptedJSONField(
        null=True, blank=True, help_text="What the gateway wants to know, like {“token”: “…”}; stored encrypted."
    )
    # Set by the database when the organization or the creation changes: what follows for billing is found by it.
    changed_at = models.DateTimeField(null=True, editable=False)
    # Set by the database when the status stops being active, and emptied when it is again.
    left_at = models.DateTimeField(null=True, editable=False)
    # With defaults of the database's: who writes creators while this is deployed knows nothing of these columns.
    connection_state = models.CharField(
        "connection",
        max_length=16,
        choices=Connection,
        default=Connection.UNTRIED,
        db_default="untried",
        editable=False,
    )
    connection_since = models.DateTimeField("since (UTC)", null=True, blank=True, editable=False)
    connection_reason = models.CharField(
        "what the gateway said", max_length=500, blank=True, db_default="", editable=False
    )

    class Meta:
        ordering = ["display_name", "id"]
        verbose_name_plural = "creators"
        indexes = [
            models.Index(fields=["organization", "id"], name="onlyfans_creator_org"),
            models.Index(fields=["id"], condition=Q(connection_state="expired"), name="onlyfans_creator_expired"),
        ]

    def __str__(self) -> str:
        return self.display_name
