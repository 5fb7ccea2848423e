"""Result files: what workers left in a bucket, what became of each, and what is known of creators from them."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from common.validators import drop_unseen
from workqueue.models import LeasedRow


class ResultFile(LeasedRow):
    """One version of one result file, once however often it was announced; a queue and a ledger in one.

    A notification that could not be read is kept here, too, as a dead letter: its text is `message`, its key is a
    digest of that, and it has no bucket.
    """

    class Door(models.TextChoices):
        SQS = "sqs", "SQS"
        HTTP = "http", "EventBridge"
        REPAIR = "repair", "Listing"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WORKING = "working", "Being read"
        DONE = "done", "Done"
        REPLACED = "replaced", "Replaced"
        REJECTED = "rejected", "Rejected"
        DEAD = "dead", "Dead letter"
        DISMISSED = "dismissed", "Dismissed"

    class Kind(models.TextChoices):
        EARNINGS = "earnings", "Earnings"
        PROFILE = "profile", "Profile"
        FANS = "fans", "Fans"
        MESSAGES = "messages", "Messages"

    LEFT = (Status.REJECTED, Status.DEAD)

    bucket = models.CharField(max_length=255, blank=True)
    key = models.CharField(max_length=1024)
    etag = models.CharField(max_length=128, blank=True)
    sequencer = models.CharField(max_length=64, blank=True, help_text="S3's order of the versions of one key.")
    size = models.BigIntegerField(null=True, blank=True, help_text="In bytes.")
    job_id = models.CharField("job", max_length=255, blank=True, help_text="The worker's job that wrote it.")
    door = models.CharField("came by", max_length=16, choices=Door)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    received_at = models.DateTimeField(default=timezone.now)
    reasons = models.JSONField(default=list, blank=True, help_text="Which field was refused, and why.")
    message = models.TextField(blank=True, help_text="The notification, where it could not be read.")

    # What stands in it.
    kind = models.CharField(max_length=16, choices=Kind, blank=True)
    user_id = models.CharField("OnlyFans user id", max_length=64, blank=True)
    observed_at = models.DateTimeField(null=True, blank=True, help_text="When the worker saw what it tells.")
    written_at = models.DateTimeField(null=True, blank=True, help_text="When it was stored, by S3's clock.")
    figures = models.JSONField(null=True, blank=True, help_text="What it tells of the creator, by metric.")
    brought = models.JSONField(default=dict, blank=True, help_text="What was written because of it.")

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("retry_resultfile", "Can read result files again"),
            ("dismiss_resultfile", "Can dismiss result files"),
        ]
        constraints = [models.UniqueConstraint(fields=["bucket", "key", "etag"], name="onlyfans_result_unique")]
        indexes = [
            models.Index(fields=["id"], condition=Q(status__in=["waiting", "working"]), name="onlyfans_result_active"),
            models.Index(fields=["status", "-id"], name="onlyfans_result_status"),
            models.Index(fields=["kind", "-id"], name="onlyfans_result_kind"),
            models.Index(fields=["door", "-id"], name="onlyfans_result_door"),
            models.Index(fields=["job_id", "-id"], name="onlyfans_result_job"),
            models.Index(fields=["user_id", "-id"], name="onlyfans_result_user"),
            models.Index(
                fields=["user_id", "kind", "-observed_at"],
                condition=Q(status="done", figures__isnull=False),
                name="onlyfans_result_figures",
            ),
        ]

    def __str__(self) -> str:
        return drop_unseen(self.key) if self.bucket else f"Notification {self.key[:12]}"

    @property
    def is_notification(self) -> bool:
        """Whether this is a notification that could not be read, and no file."""
        return not self.bucket

    @property
    def wrong(self) -> str:
        """What is wrong with it, in words: which fields, and why."""
        return self.error or " ".join(f"{reason['field']}: {reason['why']}" for reason in self.reasons)

    @property
    def is_tried_again(self) -> bool:
        """Whether it failed and waits for another attempt."""
        return self.status == self.Status.WAITING and bool(self.error)

    @property
    def state(self) -> str:
        """How it stands, in words."""
        return "To be tried again" if self.is_tried_again else self.get_status_display()

    @property
    def address(self) -> str:
        """Where the file is, as people write it."""
        return f"s3://{self.bucket}/{drop_unseen(self.key)}"

    @property
    def job_name(self) -> str:
        """The worker's job as it is shown: S3's keys may hold what turns the text beside it around."""
        return drop_unseen(self.job_id)


class CreatorFigures(models.Model):
    """What is known now of a creator by one metric: a number or a text, as the newest result file of its kind tells it.

    By the provider's own id, since a result may come before the account is set up here. What the messages count is of
    the calendar month (UTC) of `observed_at`; all else is as it stood then.
    """

    class Metric(models.TextChoices):
        FANS = "fans", "Fans"
        FANS_EXPIRED = "fans_expired", "Expired fans"
        MESSAGES_SENT = "messages_sent", "Messages sent"
        MESSAGES_RECEIVED = "messages_received", "Messages received"
        REPLIES = "replies", "Replies"
        USERNAME = "username", "User name"
        DISPLAY_NAME = "display_name", "Display name"
        POSTS = "posts", "Posts"
        LIKES = "likes", "Likes"
        SUBSCRIBE_PRICE = "subscribe_price_cents", "Price of a subscription"

    user_id = models.CharField("OnlyFans user id", max_length=64)
    metric = models.CharField(max_length=32, choices=Metric)
    kind = models.CharField(max_length=16, choices=ResultFile.Kind)
    value = models.BigIntegerField(null=True, blank=True, help_text="A number; nothing where the metric is a text.")
    text = models.CharField(max_length=200, blank=True)
    observed_at = models.DateTimeField(help_text="When the worker saw it.")
    source = models.CharField(max_length=1300, help_text="The file that tells it.")
    file = models.ForeignKey(
        ResultFile, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["user_id", "metric"]
        verbose_name = verbose_name_plural = "creator figures"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user_id", "metric"], name="onlyfans_figures_unique")]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} of {self.user_id}"
