"""Organizations, and the people who log in."""

import secrets
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from common.validators import validate_currency

_LETTERS = "abcdefghjkmnpqrstuvwxyz"
_ALPHABET = _LETTERS + "23456789"


def new_organization_id() -> str:
    """Make an id like `org_k3v9…`, free of characters that are mistaken for each other."""
    # A letter first: an underscore with digits behind it stands for another character in the admin's addresses.
    return "org_" + secrets.choice(_LETTERS) + "".join(secrets.choice(_ALPHABET) for _ in range(13))


class Organization(models.Model):
    """A customer: one creator or an agency of many."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        CLOSED = "closed", "Closed"

    id = models.CharField(
        primary_key=True,
        max_length=64,
        default=new_organization_id,
        validators=[RegexValidator(r"^[A-Za-z0-9_-]+\Z", "Use letters, digits, “_” and “-”.")],
    )
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    currency = models.CharField(max_length=3, default="USD", validators=[validate_currency])
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["status"], name="accounts_org_status")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """End what the people of a closed organization still have open, also for the day on which it opens again."""
        super().save(*args, **kwargs)
        fields = kwargs.get("update_fields")
        if self.status == self.Status.CLOSED and (fields is None or "status" in fields):
            self.users.update(session_version=models.F("session_version") + 1)


class UserManager(BaseUserManager["User"]):
    """Makes users by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password nobody can log in as them."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user who may do everything."""
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by e-mail address in any case."""
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who logs in by e-mail: staff, or a member of an organization."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        MEMBER = "member", "Member"
        STAFF = "staff", "Staff"

    email = models.EmailField(unique=True, error_messages={"unique": "Somebody has this e-mail address already."})
    name = models.CharField(max_length=200, blank=True)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
        help_text="Empty for staff.",
    )
    role = models.CharField(
        max_length=16,
        choices=Role,
        default=Role.MEMBER,
        help_text="What they are to their organization; whoever may log in here is staff.",
    )
    is_staff = models.BooleanField("staff", default=False, help_text="May log in to this back office.")
    is_active = models.BooleanField("active", default=True, help_text="Switch off instead of deleting.")
    date_joined = models.DateTimeField(default=timezone.now)
    session_version = models.PositiveIntegerField(
        default=0, editable=False, help_text="Raised to end all sessions and tokens."
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["email"]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        """Return the name, or the address of somebody without one."""
        return str(self)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the role true to the right to log in to this back office; end what somebody inactive still has open."""
        fields = kwargs.get("update_fields")
        if not self.is_active and (fields is None or "is_active" in fields):
            # Or else sessions and tokens from before would open again with the account.
            self.session_version += 1
            kwargs |= {"update_fields": {*fields, "session_version"}} if fields else {}
        if self.is_staff:
            self.role = self.Role.STAFF
        elif self.role == self.Role.STAFF:
            self.role = self.Role.MEMBER
        if (fields := kwargs.get("update_fields")) and "is_staff" in fields:
            kwargs["update_fields"] = {*fields, "role"}
        super().save(*args, **kwargs)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Tie sessions to the version too, so that raising it ends them all."""
        password_hash: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]  # not in the stubs
        return f"{self.session_version}:{password_hash}"

    def clean(self) -> None:
        """Keep addresses in lower case, so that one person has one account."""
        super().clean()
        self.email = self.email.lower()
