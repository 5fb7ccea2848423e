"""Derive what each document adds to its customer's credit, and find payments quickly."""

import django.db.models.expressions
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_currencies"),
        ("billing", "0024_creators_turn"),
        ("jobs", "0007_place_run"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="credit_cents",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(
                        models.Q(
                            ("number__isnull", True),
                            models.Q(("corrects__isnull", False), ("total_cents__lt", 0)),
                            _connector="OR",
                        ),
                        then=models.Value(0),
                    ),
                    models.When(
                        status="void",
                        then=django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("remaining_cents"), "+", models.F("paid_cents")
                                    ),
                                    "+",
                                    models.F("credited_before_cents"),
                                ),
                                "+",
                                models.F("credited_after_cents"),
                            ),
                            "-",
                            models.F("refunded_cents"),
                        ),
                    ),
                    default=django.db.models.expressions.CombinedExpression(
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("remaining_cents"), "+", models.F("paid_cents")
                                    ),
                                    "+",
                                    models.F("credited_before_cents"),
                                ),
                                "+",
                                models.F("credited_after_cents"),
                            ),
                            "-",
                            models.F("refunded_cents"),
                        ),
                        "-",
                        models.F("total_cents"),
                    ),
                ),
                help_text="What it adds to the customer's credit; negative: what it used of it.",
                output_field=models.BigIntegerField(),
            ),
        ),
        migrations.AlterField(
            model_name="invoiceaction",
            name="verb",
            field=models.CharField(
                choices=[
                    ("approve", "Approved"),
                    ("reject", "Rejected"),
                    ("void", "Voided"),
                    ("credit", "Credited"),
                    ("resend", "Sent again"),
                    ("settle", "Settled by hand"),
                    ("payment", "Payment recorded"),
                    ("refund", "Refund recorded"),
                    ("reverse", "Payment reversed"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("credit_cents", 0), _negated=True),
                fields=["organization"],
                include=("currency", "credit_cents"),
                name="billing_invoice_credit",
            ),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(fields=["-received_date", "-id"], name="billing_payment_newest"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(django.db.models.functions.text.Upper("reference"), name="billing_payment_reference"),
        ),
    ]
