"""Let the database note when a creator moves or is dated otherwise, whoever writes it."""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION onlyfans_note_creator_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER onlyfans_creator_changed BEFORE UPDATE OF organization_id, created_at ON onlyfans_creatoraccount
    FOR EACH ROW WHEN ((OLD.organization_id, OLD.created_at) IS DISTINCT FROM (NEW.organization_id, NEW.created_at))
    EXECUTE FUNCTION onlyfans_note_creator_change();
"""
BACKWARD = """
DROP TRIGGER onlyfans_creator_changed ON onlyfans_creatoraccount;
DROP FUNCTION onlyfans_note_creator_change();
"""


class Migration(migrations.Migration):
    dependencies = [("onlyfans", "0014_currencies")]
    operations = [
        migrations.AddField(
            model_name="creatoraccount",
            name="changed_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
