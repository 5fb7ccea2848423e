"""What is brought in from the former system: how far each table is, what was refused, and what is kept of it."""

from django.db import models
from django.utils import timezone

from common.encryption import EncryptedJSONField


class TableImport(models.Model):
    """One table of the former system: whoever goes on with it goes on where its segments stand."""

    name = models.CharField("table", max_length=255, unique=True)
    table = models.CharField("kind", max_length=32)
    segments = models.PositiveSmallIntegerField(default=1)
    estimate = models.BigIntegerField("records, about", null=True, blank=True, help_text="As DynamoDB counts them.")
    run_id = models.BigIntegerField("run", null=True, blank=True)
    started_at = models.DateTimeField("begun (UTC)", default=timezone.now)
    finished_at = models.DateTimeField("finished (UTC)", null=True, blank=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "import"
        default_permissions = ("view",)
        permissions = [("run_tableimport", "Can bring tables of the former system in")]

    def __str__(self) -> str:
        return self.name


class ImportSegment(models.Model):
    """A part of a table that is read by itself, page by page: where it stands, and what became of its records."""

    COUNTS = ("read", "created", "updated", "unchanged", "kept", "rejected")

    table_import = models.ForeignKey(TableImport, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveSmallIntegerField()
    position = EncryptedJSONField(null=True, blank=True, help_text="The key after which the next page begins.")
    is_done = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now=True)
    read = models.BigIntegerField(default=0)
    created = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    kept = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["table_import", "number"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["table_import", "number"], name="huntaze_segment_unique")]

    def __str__(self) -> str:
        return f"{self.table_import_id}: {self.number}"


class ImportedRecord(models.Model):
    """A record of the former system, whole: so that nothing of it is lost, and it is known when it comes again."""

    name = models.CharField("table", max_length=255)
    key_digest = models.CharField(max_length=64)
    key = models.TextField()
    digest = models.CharField(max_length=64, help_text="Tells whether the record has changed, and nothing else.")
    record = EncryptedJSONField(help_text="As DynamoDB writes it, with types.")
    imported_at = models.DateTimeField("brought in (UTC)", default=timezone.now)
    taken_at = models.DateTimeField("taken (UTC)", null=True, blank=True, help_text="When an app took it over.")

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["name", "key_digest"], name="huntaze_record_unique")]
        indexes = [
            models.Index(fields=["name", "id"], condition=models.Q(taken_at=None), name="huntaze_record_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"


class ImportReject(models.Model):
    """A record that could not be taken in, and why; gone once it could."""

    table_import = models.ForeignKey(TableImport, on_delete=models.CASCADE, related_name="rejects", db_index=False)
    key_digest = models.CharField(max_length=64)
    key = models.TextField()
    reasons = models.JSONField(help_text="By attribute.")
    rejected_at = models.DateTimeField("refused (UTC)", default=timezone.now)

    class Meta:
        ordering = ["-id"]
        verbose_name = "rejected record"
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["table_import", "key_digest"], name="huntaze_reject_unique")]

    def __str__(self) -> str:
        return self.key
