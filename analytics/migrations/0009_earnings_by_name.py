"""Call what creators earn by one name: revenue is also what we bill."""

from typing import Any

from django.db import migrations


def _rename(apps: Any, name: str) -> None:
    permissions = apps.get_model("auth", "Permission").objects
    permissions.filter(content_type__app_label="analytics", codename="view_revenuerollup").update(
        name=f"Can view {name}"
    )


def to_earnings(apps: Any, schema_editor: Any) -> None:
    """Call the permission by what the page is called."""
    _rename(apps, "creator earnings")


def to_revenue(apps: Any, schema_editor: Any) -> None:
    """Call the permission as before."""
    _rename(apps, "revenue rollup")


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0008_writers_wait"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="revenuerollup",
            options={
                "default_permissions": ("view",),
                "permissions": [("export_dashboard", "Can export what dashboards show")],
                "verbose_name": "creator earnings",
                "verbose_name_plural": "creator earnings",
            },
        ),
        migrations.AlterModelOptions(
            name="revenuetodate",
            options={"default_permissions": (), "verbose_name": "creator earnings to date"},
        ),
        # Django names a permission when it makes it, and never again.
        migrations.RunPython(to_earnings, to_revenue),
    ]
