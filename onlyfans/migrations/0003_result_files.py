"""Keep result files, and what is known of creators from them."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onlyfans", "0002_changed_at"),
    ]

    operations = [
        migrations.CreateModel(
            name="ResultFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("bucket", models.CharField(blank=True, max_length=255)),
                ("key", models.CharField(max_length=1024)),
                ("etag", models.CharField(blank=True, max_length=128)),
                (
                    "sequencer",
                    models.CharField(blank=True, help_text="S3's order of the versions of one key.", max_length=64),
                ),
                ("size", models.BigIntegerField(blank=True, help_text="In bytes.", null=True)),
                (
                    "job_id",
                    models.CharField(
                        blank=True, help_text="The worker's job that wrote it.", max_length=255, verbose_name="job"
                    ),
                ),
                (
                    "door",
                    models.CharField(
                        choices=[("sqs", "SQS"), ("http", "EventBridge"), ("repair", "Listing")],
                        max_length=16,
                        verbose_name="came by",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("working", "Being read"),
                            ("done", "Done"),
                            ("replaced", "Replaced"),
                            ("rejected", "Rejected"),
                            ("failed", "To be tried again"),
                            ("dead", "Dead letter"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
                ("reasons", models.JSONField(blank=True, default=list, help_text="Which field was refused, and why.")),
                ("message", models.TextField(blank=True, help_text="The notification, where it could not be read.")),
                (
                    "kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("earnings", "Earnings"),
                            ("profile", "Profile"),
                            ("fans", "Fans"),
                            ("messages", "Messages"),
                        ],
                        max_length=16,
                    ),
                ),
                ("user_id", models.CharField(blank=True, max_length=64, verbose_name="OnlyFans user id")),
                (
                    "observed_at",
                    models.DateTimeField(blank=True, help_text="When the worker saw what it tells.", null=True),
                ),
                (
                    "written_at",
                    models.DateTimeField(blank=True, help_text="When it was stored, by S3's clock.", null=True),
                ),
                (
                    "figures",
                    models.JSONField(blank=True, help_text="What it tells of the creator, by metric.", null=True),
                ),
                ("brought", models.JSONField(blank=True, default=dict, help_text="What was written because of it.")),
            ],
            options={
                "ordering": ["-id"],
                "permissions": [("retry_resultfile", "Can read result files again")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["waiting", "working", "failed"])),
                        fields=["id"],
                        name="onlyfans_result_active",
                    ),
                    models.Index(fields=["status", "-id"], name="onlyfans_result_status"),
                    models.Index(fields=["kind", "-id"], name="onlyfans_result_kind"),
                    models.Index(fields=["door", "-id"], name="onlyfans_result_door"),
                    models.Index(fields=["job_id", "-id"], name="onlyfans_result_job"),
                    models.Index(fields=["user_id", "-id"], name="onlyfans_result_user"),
                    models.Index(
                        condition=models.Q(("figures__isnull", False), ("status", "done")),
                        fields=["user_id", "kind", "-observed_at"],
                        name="onlyfans_result_figures",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("bucket", "key", "etag"), name="onlyfans_result_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="CreatorFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_id", models.CharField(max_length=64, verbose_name="OnlyFans user id")),
                (
                    "metric",
                    models.CharField(
                        choices=[
                            ("fans", "Fans"),
                            ("fans_expired", "Expired fans"),
                            ("messages_sent", "Messages sent"),
                            ("messages_received", "Messages received"),
                            ("replies", "Replies"),
                            ("username", "User name"),
                            ("display_name", "Display name"),
                            ("posts", "Posts"),
                            ("likes", "Likes"),
                            ("subscribe_price_cents", "Price of a subscription"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("earnings", "Earnings"),
                            ("profile", "Profile"),
                            ("fans", "Fans"),
                            ("messages", "Messages"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "value",
                    models.BigIntegerField(
                        blank=True, help_text="A number; nothing where the metric is a text.", null=True
                    ),
                ),
                ("text", models.CharField(blank=True, max_length=200)),
                ("observed_at", models.DateTimeField(help_text="When the worker saw it.")),
                ("source", models.CharField(help_text="The file that tells it.", max_length=1300)),
                (
                    "file",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="onlyfans.resultfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "creator figures",
                "verbose_name_plural": "creator figures",
                "ordering": ["user_id", "metric"],
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("user_id", "metric"), name="onlyfans_figures_unique")],
            },
        ),
    ]
