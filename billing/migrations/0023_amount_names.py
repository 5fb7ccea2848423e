import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0022_what_is_owed"),
    ]

    operations = [
        migrations.AlterField(
            model_name="billingaccount",
            name="max_total_cents",
            field=models.BigIntegerField(
                blank=True, help_text="Empty: BILLING_MAX_TOTAL_CENTS.", null=True, verbose_name="max total"
            ),
        ),
        migrations.AlterField(
            model_name="billingaccount",
            name="tax_rate_bps",
            field=models.PositiveIntegerField(
                default=0, validators=[django.core.validators.MaxValueValidator(10000)], verbose_name="tax rate"
            ),
        ),
        migrations.AlterField(
            model_name="commissionbracket",
            name="from_cents",
            field=models.BigIntegerField(validators=[django.core.validators.MinValueValidator(0)], verbose_name="from"),
        ),
        migrations.AlterField(
            model_name="commissionbracket",
            name="rate_bps",
            field=models.PositiveIntegerField(
                validators=[django.core.validators.MaxValueValidator(10000)], verbose_name="rate"
            ),
        ),
        migrations.AlterField(
            model_name="meterprice",
            name="unit_price_cents",
            field=models.DecimalField(
                decimal_places=8,
                max_digits=20,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="unit price",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="base_fee_cents",
            field=models.BigIntegerField(
                default=0, validators=[django.core.validators.MinValueValidator(0)], verbose_name="base fee"
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="maximum_commission_cents",
            field=models.BigIntegerField(
                blank=True,
                help_text="Per creator and month; empty for none.",
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="maximum commission",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="minimum_commission_cents",
            field=models.BigIntegerField(
                default=0,
                help_text="Per creator and month with a positive basis.",
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="minimum commission",
            ),
        ),
    ]
