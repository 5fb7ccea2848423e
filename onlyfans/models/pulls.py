"""What is read from the gateway page by page: how far it is, and every transaction."""

from django.db import models
from django.db.models import Q

from onlyfans.models.creators import CreatorAccount
from onlyfans.models.earnings import EarningsAggregate


class EarningsPull(models.Model):
    """How far the reading of a creator's month is: whoever goes on with it goes on after `cursor`.

    A `round` reads the month once, from the first page to the last; what a former round saw and this one does not is
    no longer true.
    """

    creator = models.ForeignKey(CreatorAccount, on_delete=models.PROTECT, related_name="pulls", db_index=False)
    month = models.DateField(help_text="The first day of the month.")
    round = models.PositiveIntegerField(default=1)
    cursor = models.CharField(max_length=1000, blank=True, help_text="Where the next page begins; empty: at the first.")
    pages = models.PositiveIntegerField(default=0)
    is_read = models.BooleanField("read to the end", default=False)
    started_at = models.DateTimeField("begun (UTC)")
    stored_at = models.DateTimeField("stored (UTC)", null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["creator", "month"], name="onlyfans_pull_unique"),
            models.CheckConstraint(condition=Q(month__day=1), name="onlyfans_pull_first_day"),
        ]

    def __str__(self) -> str:
        return f"{self.creator_id} {self.month:%Y-%m}"


class EarningsTransaction(models.Model):
    """One sale as the gateway lists it, or one reversal, which is negative and names the sale that it takes back."""

    pull = models.ForeignKey(EarningsPull, on_delete=models.PROTECT, related_name="transactions", db_index=False)
    round = models.PositiveIntegerField(help_text="The round of its pull that saw it last.")
    external_id = models.CharField("id at the gateway", max_length=128)
    occurred_at = models.DateTimeField("happened (UTC)")
    category = models.CharField(max_length=16, choices=EarningsAggregate.Category)
    currency = models.CharField(max_length=3)
    gross_cents = models.BigIntegerField()
    fee_cents = models.BigIntegerField()
    net_cents = models.BigIntegerField()
    reverses = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "transaction"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["pull", "external_id"], name="onlyfans_transaction_unique"),
            models.CheckConstraint(
                condition=Q(net_cents=models.F("gross_cents") - models.F("fee_cents")), name="onlyfans_transaction_net"
            ),
        ]

    def __str__(self) -> str:
        return self.external_id
