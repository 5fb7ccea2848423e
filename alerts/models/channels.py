"""Where messages go."""

from django.db import models
from django.utils import timezone

from common.encryption import EncryptedJSONField


class Channel(models.Model):
    """One receiver of messages; its address and secrets exist only encrypted and are never shown again."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        SLACK = "slack", "Slack"
        SNS = "sns", "Amazon SNS"
        WEBHOOK = "webhook", "Signed webhook"
        APPRISE = "apprise", "Another service (Apprise)"

    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=16, choices=Kind)
    config = EncryptedJSONField(default=dict)
    shown_as = models.CharField(max_length=254, blank=True, editable=False)
    is_enabled = models.BooleanField(
        "enabled", default=True, help_text="Switch off instead of deleting: what it was sent stays readable."
    )
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="In a row, by now.")
    rests_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.name
