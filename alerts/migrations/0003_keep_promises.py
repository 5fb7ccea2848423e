"""Note with each message by which rules it is told, and with each opening, whether its end is still to be told."""

import django.contrib.postgres.fields
from django.db import migrations, models

# What was written before: by all rules of its channel, for nobody knows any more by which of them.
_NOTE = """
UPDATE alerts_notification AS message
SET rules = coalesce(
        (
            SELECT array_agg(rule.id)
            FROM alerts_rule AS rule JOIN alerts_rule_channels AS named ON named.rule_id = rule.id
            WHERE rule.is_enabled AND named.channel_id = message.channel_id
        ),
        '{}'
    ),
    owes_end = message.what = 'opened' AND incident.resolved_at IS NULL AND EXISTS (
        SELECT FROM alerts_rule AS rule JOIN alerts_rule_channels AS named ON named.rule_id = rule.id
        WHERE rule.is_enabled AND rule.tells_recovery AND named.channel_id = message.channel_id
    )
FROM alerts_incident AS incident
WHERE incident.id = message.incident_id
    AND (incident.resolved_at IS NULL OR message.status IN ('pending', 'sending'))
"""


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0002_end_snooze"),
    ]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="came_back_at",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DateTimeField(),
                default=list,
                editable=False,
                help_text="When it last came back, the last twelve times.",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="owes_end",
            field=models.BooleanField(
                default=False, editable=False, help_text="Of an opening: whether its end is still to be told."
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="retry_at",
            field=models.DateTimeField(blank=True, editable=False, help_text="When the pause is over.", null=True),
        ),
        migrations.AddField(
            model_name="notification",
            name="rules",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                default=list,
                editable=False,
                help_text="By which it is told; their quiet hours hold.",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("owes_end", True)), fields=["incident"], name="alerts_notification_owing"
            ),
        ),
        migrations.RunSQL(_NOTE, migrations.RunSQL.noop),
    ]
