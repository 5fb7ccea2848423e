CREATE OR REPLACE TRIGGER accounts_audit_entries_stay BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_keep_audit_entries();
CREATE OR REPLACE TRIGGER accounts_audit_entry_stays BEFORE DELETE OR UPDATE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION accounts_keep_audit_entry();
