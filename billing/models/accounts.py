"""Who pays: an organization's plan, address, tax and delivery."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Organization
from billing.models.plans import Plan


class BillingAccount(models.Model):
    """How one organization is billed; parked, it is left out until somebody unparks it."""

    organization = models.OneToOneField(Organization, on_delete=models.PROTECT, related_name="billing_account")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="accounts")
    invoice_email = models.EmailField(blank=True, help_text="Empty: the organization's address.")
    address = models.TextField(blank=True, help_text="As it stands on the invoice, below the name.")
    tax_id = models.CharField("tax ID", max_length=64, blank=True)
    tax_rate_bps = models.PositiveIntegerField(
        "tax rate",
        default=0,
        validators=[MaxValueValidator(10_000)],
    )
    schedule_day = models.PositiveSmallIntegerField(
        "invoice day",
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(31)],
        help_text="Day of the following month on which a month is invoiced, in UTC; a shorter month's last day counts "
        "as all later ones.",
    )
    first_month = models.DateField(
        null=True,
        blank=True,
        help_text="The first month to bill, like 2026-11: no run bills an earlier one. Leave it empty unless billing "
        "should begin later than the organization's first figures.",
    )
    # Set by the database when the account is made or unparked, or its organization becomes active again.
    due_since = models.DateTimeField(db_default=Now(), editable=False)
    stripe_customer_id = models.CharField("Stripe customer", max_length=255, blank=True)
    stripe_customer_deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    stripe_balance_cents = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="The customer's credit in Stripe; negative: it is owed."
    )
    # The ticket of the look that saw this balance.
    stripe_balance_look = models.BigIntegerField(default=0, db_default=0, editable=False)
    deliver_stripe = models.BooleanField("invoice through Stripe", default=True)
    deliver_email = models.BooleanField("send by e-mail", default=True)
    max_lines = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: BILLING_MAX_LINES.")
    max_total_cents = models.BigIntegerField(
        "max total", null=True, blank=True, help_text="Empty: BILLING_MAX_TOTAL_CENTS."
    )
    max_change_percent = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: BILLING_MAX_CHANGE_PERCENT."
    )
    parked_at = models.DateTimeField(null=True, blank=True, editable=False)
    parked_reason = models.CharField(max_length=500, blank=True, editable=False)
    parked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["organization__name"]
        constraints = [
            models.CheckConstraint(condition=Q(schedule_day__range=(1, 31)), name="billing_account_schedule_day"),
            models.CheckConstraint(condition=Q(first_month__day=1), name="billing_account_first_month"),
        ]
        permissions = [("park_billingaccount", "Can park and unpark billing accounts")]

    def __str__(self) -> str:
        return str(self.organization)

    def clean(self) -> None:
        """Keep one kind of line end: browsers send another than was stored."""
        super().clean()
        self.address = "\n".join(self.address.splitlines())

    @property
    def recipient(self) -> str:
        """The address that invoices go to; empty where there is none."""
        return self.invoice_email or self.organization.email

    @property
    def currency(self) -> str:
        """The organization's."""
        return self.organization.currency

    @property
    def is_parked(self) -> bool:
        return self.parked_at is not None
