"""What every row of a work queue has. The queues' own tables derive from these."""

from typing import ClassVar

from django.db import models


class Dismissible(models.Model):
    """A row that waits for a person until somebody says, with a reason, that nobody needs it."""

    dismissed_at = models.DateTimeField("dismissed (UTC)", null=True, blank=True, editable=False)
    dismissed_reason = models.CharField("why dismissed", max_length=500, blank=True, db_default="", editable=False)

    class Meta:
        abstract = True


class LeasedRow(Dismissible):
    """A row that is worked off once it is due, by whoever holds its lease and its newest token.

    Each queue's `Status` has these values and adds its own endings. A row that failed and will be tried again is
    waiting, with its error.
    """

    # Endings in which a row waits for a person, who may dismiss it.
    LEFT: ClassVar[tuple[str, ...]] = ("dead",)

    WAITING: ClassVar[str] = "waiting"
    WORKING: ClassVar[str] = "working"
    DEAD: ClassVar[str] = "dead"
    DISMISSED: ClassVar[str] = "dismissed"
    UNENDED: ClassVar[tuple[str, ...]] = (WAITING, WORKING)

    status = models.CharField(max_length=16, default=WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Fencing: only the newest holder may write."
    )
    not_before = models.DateTimeField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    ended_as = models.CharField(
        max_length=16, blank=True, db_default="", editable=False, help_text="Its status before it was dismissed."
    )

    class Meta:
        abstract = True
