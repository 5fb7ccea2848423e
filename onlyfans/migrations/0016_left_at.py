"""Let the database note since when a creator is no longer active: the months before that are billed all the same."""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION onlyfans_note_creator_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.left_at := CASE WHEN NEW.status = 'active' THEN NULL ELSE clock_timestamp() END;
    RETURN NEW;
END $$;
CREATE TRIGGER onlyfans_creator_left BEFORE UPDATE OF status ON onlyfans_creatoraccount
    FOR EACH ROW WHEN ((OLD.status = 'active') <> (NEW.status = 'active'))
    EXECUTE FUNCTION onlyfans_note_creator_left();
"""
BACKWARD = """
DROP TRIGGER onlyfans_creator_left ON onlyfans_creatoraccount;
DROP FUNCTION onlyfans_note_creator_left();
"""


class Migration(migrations.Migration):
    dependencies = [("onlyfans", "0015_creator_changes")]
    operations = [
        migrations.AddField(
            model_name="creatoraccount",
            name="left_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
