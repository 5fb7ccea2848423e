"""Every version of a creator's month that arrived, and what arrived of users whom nobody knows."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from onlyfans.explaining import Version, tell
from onlyfans.models.creators import CreatorAccount
from workqueue.models import Dismissible


class EarningsVersion(models.Model):
    """One version of what somebody earned in a month, with where it came from; written by `onlyfans_ingest` alone.

    `fingerprint` is its identity: the object in which it came and its figures or, without an object, its source and
    its figures. The same version again is the same row.
    """

    month = models.DateField(help_text="The first day of the month.")
    currency = models.CharField(max_length=3)
    parts = models.JSONField("figures", help_text="Gross and net cents by category.")
    source = models.CharField(max_length=64)
    bucket = models.CharField(max_length=255, blank=True)
    key = models.CharField(max_length=1024, blank=True)
    etag = models.CharField(max_length=128, blank=True)
    # Without the zeros at its end, so that the order of the texts is S3's order.
    sequencer = models.CharField(max_length=64, blank=True, db_collation="C", help_text="S3's order within the key.")
    # Of an object its first delivery, since more of them are repetitions; of figures without an object the last.
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField("first seen", db_default=Now())
    fingerprint = models.UUIDField()

    class Meta:
        abstract = True

    @property
    def gross_cents(self) -> int:
        return self._sum(0)

    @property
    def net_cents(self) -> int:
        return self._sum(1)

    @property
    def origin(self) -> str:
        """Where it came from, in words."""
        return f"{self.source}: s3://{self.bucket}/{self.key}" if self.key else self.source

    def _sum(self, place: int) -> int:
        parts: dict[str, Any] = self.parts
        return sum(int(part[place]) for part in parts.values())


class EarningsRevision(EarningsVersion):
    """A version of a creator's month; which of them stands is written in the aggregates that project it."""

    creator = models.ForeignKey(CreatorAccount, on_delete=models.PROTECT, related_name="revisions", db_index=False)
    # By source its currency and what was not zero; nothing where it is no correction.
    answers = models.JSONField(null=True, editable=False, help_text="What each source had said when staff entered it.")

    class Meta:
        ordering = ["-month", "creator", "-received_at", "-id"]
        verbose_name = "version of earnings"
        verbose_name_plural = "versions of earnings"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["creator", "month", "fingerprint"], name="onlyfans_revision_unique"),
            models.CheckConstraint(condition=Q(month__day=1), name="onlyfans_revision_first_day"),
        ]
        indexes = [
            models.Index(
                fields=["creator", "month"], condition=Q(answers__isnull=False), name="onlyfans_revision_corrects"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} from {self.source}"

    def read(self) -> Version:
        """Return what decides about it."""
        answers = None if self.answers is None else {source: tell(*said) for source, said in self.answers.items()}
        said = tell(self.currency, self.parts)
        origin = self.bucket, self.key, self.sequencer, self.received_at
        return Version(*origin, self.fingerprint, self.source, said, answers)


class UnmatchedAggregate(Dismissible, EarningsVersion):
    """A version that waits for its creator: nobody here has its user id yet.

    One that staff dismissed waits for nobody, until it is sent again.
    """

    onlyfans_user_id = models.CharField("OnlyFans user id", max_length=64)

    class Meta:
        ordering = ["id"]
        verbose_name = verbose_name_plural = "earnings without creator"
        default_permissions = ("view",)
        permissions = [("dismiss_unmatchedaggregate", "Can dismiss earnings without creator")]
        constraints = [
            models.UniqueConstraint(
                fields=["onlyfans_user_id", "month", "fingerprint"], name="onlyfans_unmatched_unique"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="onlyfans_unmatched_first_day"),
        ]

    def __str__(self) -> str:
        return f"{self.onlyfans_user_id} {self.month:%Y-%m}"
