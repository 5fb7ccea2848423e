"""Let no outcome say `unchanged` where a version that was sent again lets another one stand."""

from importlib import import_module

from django.db import migrations

former = import_module("onlyfans.migrations.0013_ingest_calls")
_ELSE = "        ELSE 'unchanged' END"
MANY: str = former.MANY.replace(
    _ELSE,
    """        WHEN kept.id IS NOT NULL AND moved.former_id <> moved.id AND NOT EXISTS (
            SELECT FROM fresh other WHERE other.creator_id = moved.creator_id AND other.month = moved.month
                AND other.fingerprint = moved.fingerprint
        ) THEN 'updated'
"""
    + _ELSE,
)
ONE: str = former.ONE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(
    _ELSE, "        WHEN known_id IS NOT NULL AND held_id <> standing_id THEN 'updated'\n" + _ELSE
)


class Migration(migrations.Migration):
    dependencies = [("onlyfans", "0018_leased_rows")]
    operations = [
        migrations.RunSQL(MANY + ONE, former.MANY + former.ONE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    ]
