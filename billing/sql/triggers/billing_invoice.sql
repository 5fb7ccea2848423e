CREATE OR REPLACE TRIGGER billing_invoice_issued BEFORE DELETE OR UPDATE ON billing_invoice
    FOR EACH ROW WHEN (OLD.number IS NOT NULL)
    EXECUTE FUNCTION billing_keep_issued_invoice();
CREATE OR REPLACE TRIGGER billing_invoices_stay BEFORE TRUNCATE ON billing_invoice
    FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_issued();
