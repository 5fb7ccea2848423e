"""Keep Stripe's events, and what follows from them for the payment of invoices."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("billing", "0002_database_guards"),
        ("jobs", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="InvoicePayment",
            fields=[
                (
                    "invoice",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="payment",
                        serialize=False,
                        to="billing.invoice",
                    ),
                ),
                ("stripe_invoice", models.CharField(max_length=255, verbose_name="Stripe invoice")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("uncollectible", "Uncollectible"),
                            ("void", "Void"),
                            ("paid", "Paid"),
                        ],
                        default="open",
                        max_length=16,
                    ),
                ),
                (
                    "is_credited",
                    models.BooleanField(default=False, help_text="Stripe calls it paid because it was credited there."),
                ),
                ("amount_paid_cents", models.BigIntegerField(default=0)),
                ("paid_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveIntegerField(default=0, help_text="How often Stripe tried to collect it.")),
                (
                    "failed_attempt",
                    models.PositiveIntegerField(default=0, help_text="The number of the last attempt that failed."),
                ),
                ("failed_at", models.DateTimeField(blank=True, help_text="When that was.", null=True)),
                (
                    "failure",
                    models.CharField(blank=True, help_text="Why it failed, in Stripe's words.", max_length=500),
                ),
                ("refunded_cents", models.BigIntegerField(default=0)),
                (
                    "dispute",
                    models.CharField(blank=True, help_text="Stripe's status of the gravest dispute.", max_length=32),
                ),
                ("disputed_cents", models.BigIntegerField(default=0)),
                ("looks_begun", models.PositiveIntegerField(default=0)),
                ("look_written", models.PositiveIntegerField(default=0)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="StripeEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=255, verbose_name="event")),
                ("type", models.CharField(max_length=100)),
                ("object_id", models.CharField(blank=True, max_length=255, verbose_name="object")),
                (
                    "created_at",
                    models.DateTimeField(
                        help_text="By Stripe's clock; no order follows from it.", verbose_name="created (UTC)"
                    ),
                ),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "source",
                    models.CharField(
                        choices=[("webhook", "Webhook"), ("eventbridge", "EventBridge"), ("repair", "Repair")],
                        max_length=16,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting"),
                            ("running", "Looking it up"),
                            ("done", "Processed"),
                            ("ignored", "Kept only"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("processed_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("body", models.JSONField()),
            ],
            options={
                "verbose_name": "Stripe event",
                "ordering": ["-id"],
                "permissions": [("process_stripeevent", "Can process Stripe events again")],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddField(
            model_name="billingaccount",
            name="stripe_customer_deleted_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(condition=models.Q(("status", "void")), fields=["id"], name="billing_invoice_void"),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("status", "finalized")),
                fields=["due_date", "currency"],
                include=("total_cents", "corrects"),
                name="billing_invoice_outstanding",
            ),
        ),
        migrations.AddIndex(
            model_name="invoicepayment",
            index=models.Index(condition=models.Q(("state", "void")), fields=["invoice"], name="billing_payment_void"),
        ),
        migrations.AddIndex(
            model_name="invoicepayment",
            index=models.Index(
                condition=models.Q(("failed_at__isnull", False), ("state__in", ["open", "uncollectible"])),
                fields=["invoice"],
                name="billing_payment_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="invoicepayment",
            index=models.Index(
                condition=models.Q(("refunded_cents__gt", 0)), fields=["invoice"], name="billing_payment_refunded"
            ),
        ),
        migrations.AddIndex(
            model_name="invoicepayment",
            index=models.Index(
                condition=models.Q(("dispute", ""), _negated=True), fields=["invoice"], name="billing_payment_disputed"
            ),
        ),
        migrations.AddField(
            model_name="stripeevent",
            name="account",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="stripe_events",
                to="billing.billingaccount",
            ),
        ),
        migrations.AddField(
            model_name="stripeevent",
            name="invoice",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="stripe_events",
                to="billing.invoice",
            ),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(
                condition=models.Q(("status__in", ["pending", "running"])), fields=["id"], name="billing_event_active"
            ),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(condition=models.Q(("status", "failed")), fields=["-id"], name="billing_event_failed"),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(fields=["object_id", "-id"], name="billing_event_object"),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(
                condition=models.Q(("invoice__isnull", False)), fields=["invoice", "-id"], name="billing_event_invoice"
            ),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(
                condition=models.Q(("account__isnull", False)), fields=["account", "-id"], name="billing_event_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="stripeevent",
            constraint=models.UniqueConstraint(fields=("event_id",), name="billing_event_unique"),
        ),
    ]
