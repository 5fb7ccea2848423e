"""Keep with an incident what doing as its advice says takes; give what came last defaults of the database's."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0003_keep_promises"),
    ]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="permission",
            field=models.CharField(
                blank=True, db_default="", help_text="What pressing as the advice says takes.", max_length=150
            ),
        ),
        migrations.AlterField(
            model_name="incident",
            name="came_back_at",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DateTimeField(),
                db_default=[],
                default=list,
                editable=False,
                help_text="When it last came back, the last twelve times.",
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="owes_end",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="Of an opening: whether its end is still to be told.",
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="rules",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                db_default=[],
                default=list,
                editable=False,
                help_text="By which it is told; their quiet hours hold.",
            ),
        ),
    ]
