CREATE OR REPLACE TRIGGER onlyfans_creator_changed BEFORE UPDATE OF organization_id, created_at ON onlyfans_creatoraccount
    FOR EACH ROW WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id OR OLD.created_at IS DISTINCT FROM NEW.created_at)
    EXECUTE FUNCTION onlyfans_note_creator_change();
CREATE OR REPLACE TRIGGER onlyfans_creator_left BEFORE UPDATE OF status ON onlyfans_creatoraccount
    FOR EACH ROW WHEN ((OLD.status = 'active') <> (NEW.status = 'active'))
    EXECUTE FUNCTION onlyfans_note_creator_left();
