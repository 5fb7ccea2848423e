-- The floor: a run's rows, as they were in the end, into the same tables with all their indexes, checks, foreign keys
-- and triggers, by one statement a table. No figure is read, nothing computed, no row written twice.
-- Lines come before their invoices, for the trigger refuses lines of an invoice that is issued.
\timing on
BEGIN;
INSERT INTO jobs_jobitem SELECT * FROM kept.item;
INSERT INTO billing_invoiceline SELECT * FROM kept.line;
INSERT INTO billing_commissionstatement SELECT * FROM kept.statement;
INSERT INTO billing_invoice SELECT * FROM kept.invoice;
COMMIT;
