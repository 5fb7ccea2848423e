"""What somebody is to their organization; whoever may log in to the back office is staff."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def name_staff(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Call those staff who are."""
    apps.get_model("accounts", "User").objects.filter(is_staff=True).update(role="staff")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="role",
            field=models.CharField(
                choices=[("owner", "Owner"), ("member", "Member"), ("staff", "Staff")],
                default="member",
                help_text="What they are to their organization; whoever may log in here is staff.",
                max_length=16,
            ),
        ),
        migrations.RunPython(name_staff, migrations.RunPython.noop, elidable=True),
    ]
