"""Who did what, when, why and from where: entries that nobody changes, not even in the database."""

from typing import Any

from django.db import models
from django.utils import timezone

from accounts.models.people import User
from common.origin import Door


class AuditEntry(models.Model):
    """One change that a person or a machine made through a door of ours; what it names may be gone since."""

    class DoorChoice(models.TextChoices):
        ADMIN = Door.ADMIN, "Admin"
        API = Door.API, "API"
        COMMAND = Door.COMMAND, "Command line"
        JOB = Door.JOB, "A job"

    at = models.DateTimeField(default=timezone.now)
    # An index below begins with each of the columns that have none of their own.
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False, verbose_name="who"
    )
    actor_name = models.CharField(max_length=200, blank=True, help_text="As it was then, or the machine that called.")
    verb = models.CharField(max_length=40)
    object_type = models.CharField(max_length=80, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)
    door = models.CharField(max_length=8, choices=DoorChoice)
    address = models.GenericIPAddressField("network address", null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        verbose_name_plural = "audit trail"
        indexes = [
            models.Index(fields=["object_id", "object_type", "-id"], name="accounts_audit_object"),
            models.Index(fields=["object_type", "-id"], name="accounts_audit_type"),
            models.Index(fields=["actor", "-id"], name="accounts_audit_actor"),
            models.Index(fields=["actor_name", "-id"], name="accounts_audit_name"),
            models.Index(fields=["verb", "-id"], name="accounts_audit_verb"),
            models.Index(fields=["door", "-id"], name="accounts_audit_door"),
            models.Index(fields=["at"], name="accounts_audit_at"),
            models.Index(fields=["request_id"], condition=~models.Q(request_id=""), name="accounts_audit_request"),
        ]

    def __str__(self) -> str:
        what = f"{self.label} {self.object_name}".strip()
        return f"{what} by {self.who}"

    @property
    def label(self) -> str:
        """The verb as people read it."""
        return self.verb.replace("-", " ").capitalize()

    @property
    def who(self) -> str:
        """Who it was, by the name of then."""
        return self.actor_name or "nobody known"

    def list_changes(self) -> list[tuple[str, Any, Any]]:
        """List what changed: the field, its value before and after; None where there was none."""
        names = dict.fromkeys([*self.before, *self.after])
        return [
            (
                name_column(name, self.after.get(name, self.before.get(name))),
                self.before.get(name),
                self.after.get(name),
            )
            for name in names
        ]


def name_column(column: str, value: Any) -> str:
    """Name a column as people do; of an amount or rate that is written out, the unit is no part of its name."""
    plain = column.removesuffix("_cents").removesuffix("_bps") if isinstance(value, str) else column
    return plain.replace("_", " ")
