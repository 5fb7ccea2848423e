"""What was sent, or waits to be."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from alerts.models.channels import Channel
from alerts.models.incidents import Incident
from workqueue.models import LeasedRow


class Notification(LeasedRow):
    """One message to one channel: written with what it tells of, sent under a lease, repeated under the same name."""

    class What(models.TextChoices):
        OPENED = "opened", "Opened"
        REMINDER = "reminder", "Reminder"
        RECOVERED = "recovered", "Recovered"
        EVENT = "event", "Event"
        TEST = "test", "Test"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WORKING = "working", "Being sent"
        SENT = "sent", "Sent"
        SKIPPED = "skipped", "Not needed"
        DEAD = "dead", "Failed"
        DISMISSED = "dismissed", "Dismissed"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="notifications")
    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, null=True, blank=True, related_name="notifications"
    )
    what = models.CharField(max_length=16, choices=What)
    number = models.PositiveIntegerField(default=1, help_text="The how manieth reminder.")
    event_key = models.CharField(max_length=200, blank=True)
    message = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    history = models.JSONField(default=list, help_text="How each attempt went.")
    rules = ArrayField(
        models.BigIntegerField(),
        default=list,
        # With defaults of the database's here and below: who writes while this is deployed knows nothing of them.
        db_default=[],
        editable=False,
        help_text="By which it is told; their quiet hours hold.",
    )
    owes_end = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Of an opening: whether its end is still to be told.",
    )
    not_before = models.DateTimeField(default=timezone.now)
    retry_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the pause is over.")
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "message"
        verbose_name_plural = "messages sent"
        default_permissions = ("change", "view", "dismiss")
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "channel", "what", "number"],
                condition=Q(incident__isnull=False),
                name="alerts_notification_incident",
            ),
            models.UniqueConstraint(
                fields=["event_key", "channel"], condition=~Q(event_key=""), name="alerts_notification_event"
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"],
                condition=Q(status__in=["waiting", "working"]),
                name="alerts_notification_waiting",
            ),
            models.Index(fields=["incident"], condition=Q(owes_end=True), name="alerts_notification_owing"),
            models.Index(fields=["channel", "-id"], name="alerts_notification_channel"),
            models.Index(fields=["status", "-id"], condition=Q(status="dead"), name="alerts_notification_failed"),
        ]

    def __str__(self) -> str:
        return str(self.message.get("title", self.get_what_display()))

    @property
    def reference(self) -> str:
        """What receivers know this message by, the same at every attempt."""
        return f"msg_{self.uid.hex}"

    @property
    def has_arrived(self) -> bool:
        """Whether the receiver has it for certain."""
        return self.status == self.Status.SENT or self._came_to(self.Status.SENT)

    @property
    def may_have_arrived(self) -> bool:
        """Whether the receiver has it, or nobody knows."""
        return self.has_arrived or self.status == self.WORKING or self._came_to("unknown")

    def _came_to(self, outcome: str) -> bool:
        return any(entry["outcome"] == outcome for entry in self.history)

    @property
    def label(self) -> str:
        return f"Reminder {self.number}" if self.what == self.What.REMINDER else self.get_what_display()
