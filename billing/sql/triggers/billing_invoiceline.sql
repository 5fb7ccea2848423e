CREATE OR REPLACE TRIGGER billing_lines_issued_delete AFTER DELETE ON billing_invoiceline
    REFERENCING OLD TABLE AS old_lines
    FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued_lines();
CREATE OR REPLACE TRIGGER billing_lines_issued_insert AFTER INSERT ON billing_invoiceline
    REFERENCING NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued_lines();
CREATE OR REPLACE TRIGGER billing_lines_issued_update AFTER UPDATE ON billing_invoiceline
    REFERENCING OLD TABLE AS old_lines NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued_lines();
CREATE OR REPLACE TRIGGER billing_lines_stay BEFORE TRUNCATE ON billing_invoiceline
    FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued();
