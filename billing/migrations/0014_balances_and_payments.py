"""Keep with each document what is owed of it, and the payments that came in for it."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_write_entry"),
        ("billing", "0013_issued_stay"),
        ("jobs", "0007_place_run"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("payment", "Payment"), ("refund", "Refund")], default="payment", max_length=16
                    ),
                ),
                (
                    "source",
                    models.CharField(choices=[("stripe", "Stripe"), ("staff", "Recorded by hand")], max_length=16),
                ),
                ("amount_cents", models.BigIntegerField(help_text="Above zero, whichever way the money went.")),
                (
                    "method",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("card", "Card"),
                            ("bank_transfer", "Bank transfer"),
                            ("cash", "Cash"),
                            ("other", "Other"),
                        ],
                        max_length=16,
                    ),
                ),
                ("reference", models.CharField(blank=True, help_text="As on the bank statement.", max_length=255)),
                (
                    "received_date",
                    models.DateField(help_text="The day the money came in or went out.", verbose_name="date"),
                ),
                (
                    "external_id",
                    models.CharField(blank=True, max_length=255, null=True, unique=True, verbose_name="id in Stripe"),
                ),
                (
                    "token",
                    models.CharField(
                        blank=True,
                        help_text="Of the form that asked, so that it acts once.",
                        max_length=64,
                        null=True,
                        unique=True,
                    ),
                ),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("reversed_at", models.DateTimeField(blank=True, null=True)),
                ("reversed_reason", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "ordering": ["-received_date", "-id"],
                "permissions": [("record_payment", "Can record and reverse payments")],
                "default_permissions": ("view",),
            },
        ),
        migrations.RenameModel(old_name="InvoicePayment", new_name="StripeRecord"),
        migrations.AlterField(
            model_name="striperecord",
            name="invoice",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                primary_key=True,
                related_name="stripe_record",
                serialize=False,
                to="billing.invoice",
            ),
        ),
        migrations.RemoveField(model_name="striperecord", name="looks_begun"),
        migrations.AlterField(model_name="striperecord", name="look_written", field=models.BigIntegerField(default=0)),
        migrations.AddField(
            model_name="striperecord",
            name="balance_applied_cents",
            field=models.BigIntegerField(
                blank=True, help_text="The customer's balance that Stripe used; empty until that is known.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="striperecord",
            name="disputed_cents",
            field=models.BigIntegerField(default=0, help_text="Taken back by the bank, or lost for good."),
        ),
        migrations.AddField(
            model_name="striperecord",
            name="lost_cents",
            field=models.BigIntegerField(default=0, help_text="Of it, what is lost for good."),
        ),
        migrations.AddField(
            model_name="striperecord",
            name="foreign_before_cents",
            field=models.BigIntegerField(
                default=0, help_text="Taken off what was open, by credit notes made in Stripe by hand."
            ),
        ),
        migrations.AddField(
            model_name="striperecord",
            name="foreign_after_cents",
            field=models.BigIntegerField(
                default=0, help_text="Given back of what was paid, by credit notes made in Stripe by hand."
            ),
        ),
        migrations.AddField(
            model_name="striperecord",
            name="unexplained_cents",
            field=models.BigIntegerField(
                default=0, help_text="What Stripe asks for beyond what our rows explain, when it was last looked up."
            ),
        ),
        migrations.RemoveIndex(
            model_name="invoice",
            name="billing_invoice_outstanding",
        ),
        migrations.AddField(
            model_name="billingaccount",
            name="stripe_balance_cents",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="The customer's credit in Stripe; negative: it is owed.",
            ),
        ),
        migrations.AddField(
            model_name="billingaccount",
            name="stripe_balance_look",
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="invoice",
            name="balance_applied_cents",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="The customer's credit that was used when it was issued."
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="credited_after_cents",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="Given back by credit notes of what was paid already."
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="credited_before_cents",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="Taken off what was still open by credit notes."
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="disputed_cents",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="invoice",
            name="paid_cents",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="invoice",
            name="refunded_cents",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="invoice",
            name="remaining_cents",
            field=models.BigIntegerField(db_default=0, default=0, help_text="What is still to be paid."),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("status", "finalized")),
                fields=["due_date", "currency"],
                include=("remaining_cents",),
                name="billing_invoice_outstanding",
            ),
        ),
        migrations.AddField(
            model_name="payment",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="billing.invoice"
            ),
        ),
        migrations.AddField(
            model_name="payment",
            name="recorded_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="payment",
            name="reversed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_cents__gt", 0)), name="billing_payment_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("external_id__isnull", False), ("source", "stripe")),
                    models.Q(("external_id__isnull", True), ("source", "staff")),
                    _connector="OR",
                ),
                name="billing_payment_source",
            ),
        ),
        # Each look takes the next ticket before it asks Stripe; the last ticket's holder saw the latest.
        migrations.RunSQL("CREATE SEQUENCE billing_look", "DROP SEQUENCE billing_look"),
        migrations.RunSQL(
            "UPDATE billing_invoice SET remaining_cents = total_cents WHERE status = 'finalized' AND total_cents > 0",
            migrations.RunSQL.noop,
        ),
    ]
