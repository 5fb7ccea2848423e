CREATE OR REPLACE TRIGGER billing_usage_changed BEFORE INSERT OR UPDATE ON billing_usagehour
    FOR EACH ROW EXECUTE FUNCTION billing_note_usage_change();
