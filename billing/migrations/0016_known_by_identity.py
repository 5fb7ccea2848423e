"""Know a document by what it is: whose books, which organization, month and kind, and which of those."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

COUNT = """
UPDATE billing_invoice invoice SET ordinal = counted.ordinal
FROM (
    SELECT id, row_number() OVER (PARTITION BY organization_id, month, kind ORDER BY issue_date, number) AS ordinal
    FROM billing_invoice WHERE number IS NOT NULL
) counted WHERE counted.id = invoice.id;
INSERT INTO billing_books (id, installation, created_at, stopped_reason)
VALUES (1, gen_random_uuid(), clock_timestamp(), '');
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_write_entry"),
        ("billing", "0015_currencies"),
        ("jobs", "0007_place_run"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Books",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("installation", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "stopped_at",
                    models.DateTimeField(blank=True, help_text="Nothing is delivered while this is set.", null=True),
                ),
                (
                    "stopped_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("stopped_reason", models.TextField(blank=True)),
                ("resumed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "books",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="invoice",
            name="ordinal",
            field=models.PositiveSmallIntegerField(
                blank=True,
                editable=False,
                help_text="Which it is of the organization's documents of its kind for its month, counted as it is numbered.",
                null=True,
            ),
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                fields=("organization", "month", "kind", "ordinal"), name="billing_invoice_identity"
            ),
        ),
        migrations.AddConstraint(
            model_name="books",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="billing_books_one"),
        ),
    ]
