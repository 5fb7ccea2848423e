"""How staff prove who they are: the second step, and the doors that close after too many failures."""

import datetime as dt

from django.db import models
from django.utils import timezone

from accounts.models.people import User
from common.encryption import EncryptedJSONField


class Authenticator(models.Model):
    """The authenticator app of a member of staff: a shared secret from which both sides compute codes."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="authenticator")
    secret = EncryptedJSONField()
    # The time step of the newest code that was taken: neither it nor an older one is taken again.
    last_step = models.BigIntegerField(default=0)
    confirmed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"Authenticator of {self.user}"


class RecoveryCode(models.Model):
    """A code on paper for whoever has no phone at hand; it works once, and only its digest is kept."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="recovery_codes", db_index=False)
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="accounts_recovery_code_unique")]

    def __str__(self) -> str:
        return f"Recovery code of {self.user}"


class LockOut(models.Model):
    """Failures to log in, counted until enough time has gone by; above a number of them the door stays shut."""

    class Kind(models.TextChoices):
        PASSWORD = "password", "Password"
        CODE = "code", "Code"

    kind = models.CharField(max_length=8, choices=Kind)
    account = models.CharField(max_length=254, blank=True, help_text="As it was typed; empty: any from there.")
    network = models.CharField(max_length=64, blank=True, help_text="Empty: from anywhere.")
    failures = models.PositiveIntegerField(default=0)
    last_failed_at = models.DateTimeField(default=timezone.now)
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-last_failed_at"]
        verbose_name = "lock-out"
        default_permissions = ("view",)
        permissions = [("unlock_lockout", "Can unlock log-ins")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "account", "network"], name="accounts_lockout_unique"),
        ]
        indexes = [models.Index(fields=["last_failed_at"], name="accounts_lockout_failed")]

    def __str__(self) -> str:
        return f"{self.account or 'Anybody'} from {self.network or 'anywhere'}"

    def is_locked(self, moment: dt.datetime) -> bool:
        """Return whether the door is shut at an instant."""
        return self.locked_until is not None and self.locked_until > moment
