CREATE OR REPLACE TRIGGER onlyfans_earnings_changed BEFORE INSERT OR UPDATE ON onlyfans_earningsaggregate
    FOR EACH ROW EXECUTE FUNCTION onlyfans_note_change();
