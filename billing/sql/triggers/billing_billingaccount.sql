CREATE OR REPLACE TRIGGER billing_account_unparked BEFORE UPDATE OF parked_at ON billing_billingaccount
    FOR EACH ROW WHEN (OLD.parked_at IS NOT NULL AND NEW.parked_at IS NULL)
    EXECUTE FUNCTION billing_note_unparked();
