-- Make the tables that a run writes as they were before it.
TRUNCATE jobs_jobitem, billing_invoice, billing_invoiceline, billing_commissionstatement, billing_invoiceaction,
    billing_invoicedelivery RESTART IDENTITY;
DELETE FROM jobs_jobrun WHERE :'runs' = 'too';
DELETE FROM billing_numberseries;
VACUUM ANALYZE jobs_jobitem, billing_invoice, billing_invoiceline, billing_commissionstatement;
CHECKPOINT;
