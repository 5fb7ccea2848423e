CREATE OR REPLACE TRIGGER billing_organization_active AFTER UPDATE OF status ON accounts_organization
    FOR EACH ROW WHEN (OLD.status <> 'active' AND NEW.status = 'active')
    EXECUTE FUNCTION billing_note_active_again();
