"""Note on events what has to be looked up for them, so that it is looked up once for all."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0005_paid_revenue"),
    ]

    operations = [
        migrations.AddField(
            model_name="stripeevent",
            name="look_at",
            field=models.CharField(blank=True, help_text="What has to be looked up in Stripe for it.", max_length=255),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(
                condition=models.Q(("status__in", ["pending", "running"]), models.Q(("look_at", ""), _negated=True)),
                fields=["look_at"],
                name="billing_event_look",
            ),
        ),
    ]
