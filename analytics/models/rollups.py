"""Roll-ups: sums kept beside the truth, from which dashboards read. Each can be computed anew from what it sums up."""

import datetime as dt

from django.db import models
from django.db.models import Q

from accounts.models import Organization

# Dashboards begin no earlier. What lies before is so rare, and so likely a mistake, that no sums are kept of it.
FIRST_DAY = dt.date(2000, 1, 1)


class RevenueRollup(models.Model):
    """What was earned in a month: by one creator, by an organization's creators, or by all.

    A row without a category is the sum over the categories, in one currency. `creators` is how many have anything
    in it.
    """

    class Level(models.TextChoices):
        ALL = "all", "All"
        ORGANIZATION = "organization", "Organization"
        CREATOR = "creator", "Creator"

    level = models.CharField(max_length=16, choices=Level)
    provider = models.CharField(max_length=32)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    creator = models.CharField(max_length=64, blank=True)
    month = models.DateField()
    category = models.CharField(max_length=32, blank=True)
    currency = models.CharField(max_length=3)
    gross_cents = models.BigIntegerField()
    net_cents = models.BigIntegerField()
    creators = models.IntegerField()

    class Meta:
        verbose_name = verbose_name_plural = "creator earnings"
        default_permissions = ("view",)
        permissions = [("export_dashboard", "Can export what dashboards show")]
        constraints = [
            models.UniqueConstraint(
                fields=["level", "provider", "organization", "creator", "month", "category", "currency"],
                nulls_distinct=False,
                name="analytics_revenue_unique",
            )
        ]
        indexes = [
            models.Index(
                fields=["level", "month", "organization"],
                condition=Q(category=""),
                include=["creator", "provider", "currency", "gross_cents", "net_cents", "creators"],
                name="analytics_revenue_totals",
            ),
            models.Index(fields=["creator", "month"], condition=Q(level="creator"), name="analytics_revenue_creator"),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()} {self.month:%Y-%m} {self.category} {self.currency}".rstrip()


class RevenueToDate(models.Model):
    """What was earned up to the end of a month: what any months in a row brought is the difference of two of these.

    Each series, a creator's or an organization's in one currency, has a row a month from its first one up to the month
    of the last refresh; `months` is how many months with earnings are in it.
    """

    level = models.CharField(max_length=16, choices=RevenueRollup.Level)
    provider = models.CharField(max_length=32)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+", db_index=False)
    creator = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3)
    month = models.DateField()
    gross_cents = models.BigIntegerField()
    net_cents = models.BigIntegerField()
    months = models.IntegerField()

    class Meta:
        verbose_name = "creator earnings to date"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["creator", "organization", "level", "provider", "currency", "month"],
                name="analytics_todate_unique",
            )
        ]
        indexes = [
            models.Index(
                fields=["level", "provider", "month", "organization"],
                include=["creator", "currency", "gross_cents", "net_cents", "months"],
                name="analytics_todate_month",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()} up to {self.month:%Y-%m} {self.currency}"


class CreatorDay(models.Model):
    """One creator's day: each metric as it stood in the day's last snapshot that knew it, and what it changed by."""

    provider = models.CharField(max_length=32)
    creator = models.CharField(max_length=64)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    day = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    closing = models.JSONField()
    change = models.JSONField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["provider", "creator", "day"], name="analytics_creatorday_unique")
        ]
        indexes = [models.Index(fields=["provider", "day", "organization"], name="analytics_creatorday_day")]

    def __str__(self) -> str:
        return f"{self.creator} at {self.provider}, {self.day}"


class MetricDay(models.Model):
    """One metric's day, added up over an organization's creators, or over all where there is no organization.

    Counts have no currency; money is added up by currency. `creators` is of how many it is the sum.
    """

    provider = models.CharField(max_length=32)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    metric = models.CharField(max_length=64)
    currency = models.CharField(max_length=3, blank=True)
    day = models.DateField()
    closing = models.BigIntegerField()
    change = models.BigIntegerField()
    creators = models.IntegerField()
    # The sum over all is a row of its own, not one of an organization that is unknown.
    is_total = models.BooleanField()

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "is_total", "organization", "metric", "currency", "day"],
                nulls_distinct=False,
                name="analytics_metricday_unique",
            )
        ]
        indexes = [models.Index(fields=["provider", "day"], name="analytics_metricday_day")]

    def __str__(self) -> str:
        return f"{self.metric} at {self.provider}, {self.day}"


class StaleDay(models.Model):
    """A day whose snapshots changed since it was last added up; the row goes in the transaction that adds it up."""

    provider = models.CharField(max_length=32)
    day = models.DateField()
    marked_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["provider", "day"], name="analytics_staleday_unique")]

    def __str__(self) -> str:
        return f"{self.provider}, {self.day}"


class RollupState(models.Model):
    """As of when a roll-up is true: whatever was committed before then is in it."""

    name = models.CharField(max_length=64, primary_key=True)
    refreshed_at = models.DateTimeField(null=True)
    compared_at = models.DateTimeField(null=True, help_text="When all of it was last compared with the truth.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
