"""Let the database note when earnings change, whoever writes them."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION onlyfans_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.gross_cents, NEW.net_cents, NEW.currency, NEW.month, NEW.creator_id)
            IS NOT DISTINCT FROM (OLD.gross_cents, OLD.net_cents, OLD.currency, OLD.month, OLD.creator_id) THEN
        NEW.changed_at := OLD.changed_at;
    ELSE
        NEW.changed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER onlyfans_earnings_changed BEFORE INSERT OR UPDATE ON onlyfans_earningsaggregate
    FOR EACH ROW EXECUTE FUNCTION onlyfans_note_change();
"""
BACKWARD = """
DROP TRIGGER onlyfans_earnings_changed ON onlyfans_earningsaggregate;
DROP FUNCTION onlyfans_note_change();
"""


class Migration(migrations.Migration):
    dependencies = [("onlyfans", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
