"""What an organization pays: plans, their commission brackets and their prices for usage."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from billing.models.usage import Meter
from common.money import format_exact, format_money, format_percent, smallest_charge
from common.validators import validate_currency


class Plan(models.Model):
    """The terms of a customer; changing it changes the months billed from then on, never an issued invoice."""

    class Basis(models.TextChoices):
        GROSS = "gross", "Gross earnings"
        NET = "net", "Net earnings"

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, default="USD", validators=[validate_currency])
    base_fee_cents = models.BigIntegerField("base fee", default=0, validators=[MinValueValidator(0)])
    commission_basis = models.CharField(max_length=8, choices=Basis, default=Basis.NET)
    commission_free_months = models.PositiveSmallIntegerField(
        default=0, help_text="Whole months without commission, counted from the month in which the creator was created."
    )
    minimum_commission_cents = models.BigIntegerField(
        "minimum commission",
        default=0,
        validators=[MinValueValidator(0)],
        help_text="Per creator and month with a positive basis.",
    )
    maximum_commission_cents = models.BigIntegerField(
        "maximum commission",
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Per creator and month; empty for none.",
    )
    issue_zero_invoices = models.BooleanField(
        default=False, help_text="Issue and send an invoice even where nothing is due."
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(maximum_commission_cents__isnull=True)
                | Q(maximum_commission_cents__gte=F("minimum_commission_cents")),
                name="billing_plan_min_below_max",
                violation_error_message="The maximum commission is below the minimum.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse amounts that would stand on invoices and can't be charged."""
        super().clean()
        step, wrong = smallest_charge(self.currency), {}
        for name in ("base_fee_cents", "minimum_commission_cents", "maximum_commission_cents"):
            if (cents := getattr(self, name) or 0) % step:
                below, above = (format_money(cents // step * step + more, self.currency) for more in (0, step))
                wrong[name] = f"Amounts charged in {self.currency} end in 0: enter {below} or {above}."
        if wrong:
            raise ValidationError(wrong)


class CommissionBracket(models.Model):
    """A marginal rate: what of the basis lies above `from_cents`, up to the next bracket, is charged at it."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="brackets")
    from_cents = models.BigIntegerField("from", validators=[MinValueValidator(0)])
    rate_bps = models.PositiveIntegerField("rate", validators=[MaxValueValidator(10_000)])

    class Meta:
        ordering = ["from_cents"]
        constraints = [models.UniqueConstraint(fields=["plan", "from_cents"], name="billing_bracket_unique")]

    def __str__(self) -> str:
        return f"from {format_money(self.from_cents, self.currency)}: {format_percent(self.rate_bps)}"

    @property
    def currency(self) -> str:
        """The plan's."""
        return self.plan.currency


class MeterPrice(models.Model):
    """What a plan charges for a meter's usage beyond what is included."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="meter_prices")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="prices")
    included_quantity = models.DecimalField(
        max_digits=24, decimal_places=6, default=0, validators=[MinValueValidator(0)]
    )
    unit_price_cents = models.DecimalField(
        "unit price", max_digits=20, decimal_places=8, validators=[MinValueValidator(0)]
    )

    class Meta:
        ordering = ["meter__code"]
        constraints = [models.UniqueConstraint(fields=["plan", "meter"], name="billing_meter_price_unique")]

    def __str__(self) -> str:
        return f"{self.meter}: {format_exact(self.unit_price_cents, self.currency)}"

    @property
    def currency(self) -> str:
        """The plan's."""
        return self.plan.currency


class PlanTerms(models.Model):
    """A plan's terms as they stood when a month was billed; each distinct set of terms is kept once."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    terms = models.JSONField()

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "plan terms"

    def __str__(self) -> str:
        return f"{self.plan} ({self.digest[:8]})"
