CREATE OR REPLACE TRIGGER billing_creator_stays BEFORE UPDATE OF organization_id ON onlyfans_creatoraccount
    FOR EACH ROW WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id)
    EXECUTE FUNCTION billing_keep_creator();
