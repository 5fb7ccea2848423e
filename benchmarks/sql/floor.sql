-- The floor: a run's rows, as they were in the end, into the same tables with all their indexes, checks, foreign keys
-- and triggers, by one statement a table. No figure is read, nothing computed, no row written twice.
-- Lines come before their invoices, for the trigger refuses lines of an invoice that is issued.
\timing on
BEGIN;
INSERT INTO jobs_jobitem SELECT * FROM kept.item;
INSERT INTO billing_invoiceline SELECT * FROM kept.line;
INSERT INTO billing_commissionstatement SELECT * FROM kept.statement;
-- Of an invoice, the database computes a column itself.
SELECT format('INSERT INTO billing_invoice (%1$s) SELECT %1$s FROM kept.invoice', string_agg(column_name, ', '))
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = 'billing_invoice' AND is_generated = 'NEVER' \gexec
COMMIT;
