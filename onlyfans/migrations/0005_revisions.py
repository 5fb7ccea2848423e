"""Keep every version of a creator's month, and what came of users whom nobody knows."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onlyfans", "0004_list_names"),
    ]

    operations = [
        migrations.AlterField(
            model_name="earningsaggregate",
            name="category",
            field=models.CharField(
                choices=[
                    ("subscriptions", "Subscriptions"),
                    ("tips", "Tips"),
                    ("messages", "Messages"),
                    ("posts", "Posts"),
                    ("streams", "Streams"),
                    ("referrals", "Referrals"),
                    ("chargebacks", "Chargebacks"),
                    ("uncategorized", "Uncategorized"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="EarningsRevision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="The first day of the month.")),
                ("currency", models.CharField(max_length=3)),
                ("parts", models.JSONField(help_text="Gross and net cents by category.", verbose_name="figures")),
                ("source", models.CharField(max_length=64)),
                ("bucket", models.CharField(blank=True, max_length=255)),
                ("key", models.CharField(blank=True, max_length=1024)),
                ("etag", models.CharField(blank=True, max_length=128)),
                (
                    "sequencer",
                    models.CharField(
                        blank=True, db_collation="C", help_text="S3's order within the key.", max_length=64
                    ),
                ),
                ("received_at", models.DateTimeField()),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="first seen"
                    ),
                ),
                ("fingerprint", models.UUIDField()),
                (
                    "creator",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revisions",
                        to="onlyfans.creatoraccount",
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "creator", "-received_at", "-id"],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddField(
            model_name="earningsaggregate",
            name="revision",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rows",
                to="onlyfans.earningsrevision",
            ),
        ),
        migrations.CreateModel(
            name="UnmatchedAggregate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="The first day of the month.")),
                ("currency", models.CharField(max_length=3)),
                ("parts", models.JSONField(help_text="Gross and net cents by category.", verbose_name="figures")),
                ("source", models.CharField(max_length=64)),
                ("bucket", models.CharField(blank=True, max_length=255)),
                ("key", models.CharField(blank=True, max_length=1024)),
                ("etag", models.CharField(blank=True, max_length=128)),
                (
                    "sequencer",
                    models.CharField(
                        blank=True, db_collation="C", help_text="S3's order within the key.", max_length=64
                    ),
                ),
                ("received_at", models.DateTimeField()),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="first seen"
                    ),
                ),
                ("fingerprint", models.UUIDField()),
                ("onlyfans_user_id", models.CharField(max_length=64, verbose_name="OnlyFans user id")),
            ],
            options={
                "ordering": ["id"],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("onlyfans_user_id", "month", "fingerprint"), name="onlyfans_unmatched_unique"
                    ),
                    models.CheckConstraint(condition=models.Q(("month__day", 1)), name="onlyfans_unmatched_first_day"),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="earningsrevision",
            constraint=models.UniqueConstraint(
                fields=("creator", "month", "fingerprint"), name="onlyfans_revision_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="earningsrevision",
            constraint=models.CheckConstraint(
                condition=models.Q(("month__day", 1)), name="onlyfans_revision_first_day"
            ),
        ),
    ]
