"""What creators earned, month by month."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from common.validators import validate_currency
from onlyfans.models.creators import CreatorAccount
from onlyfans.models.revisions import EarningsRevision


class EarningsAggregate(models.Model):
    """What one creator earned in one month in one category, gross and net of OnlyFans' fee.

    A month's rows are the projection of the version that stands, and only ingestion writes them.
    """

    class Category(models.TextChoices):
        SUBSCRIPTIONS = "subscriptions", "Subscriptions"
        TIPS = "tips", "Tips"
        MESSAGES = "messages", "Messages"
        POSTS = "posts", "Posts"
        STREAMS = "streams", "Streams"
        REFERRALS = "referrals", "Referrals"
        CHARGEBACKS = "chargebacks", "Chargebacks"
        # A month of which only the totals are known.
        UNCATEGORIZED = "uncategorized", "Uncategorized"

    creator = models.ForeignKey(CreatorAccount, on_delete=models.PROTECT, related_name="earnings", db_index=False)
    month = models.DateField(help_text="The first day of the month.")
    category = models.CharField(max_length=16, choices=Category)
    gross_cents = models.BigIntegerField("gross")
    net_cents = models.BigIntegerField("net")
    currency = models.CharField(max_length=3, default="USD", validators=[validate_currency])
    source = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    revision = models.ForeignKey(
        EarningsRevision, on_delete=models.PROTECT, null=True, editable=False, related_name="rows", db_index=False
    )
    # Set by the database whenever the figures are written, by whomever: late data is found by it.
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-month", "creator", "category"]
        verbose_name_plural = "earnings"
        constraints = [
            models.UniqueConstraint(fields=["creator", "month", "category"], name="onlyfans_earnings_unique"),
            models.CheckConstraint(condition=Q(month__day=1), name="onlyfans_earnings_first_day"),
        ]
        indexes = [models.Index(fields=["creator", "changed_at"], name="onlyfans_earnings_changed")]

    def __str__(self) -> str:
        return f"{self.get_category_display()} {self.month:%Y-%m}"
