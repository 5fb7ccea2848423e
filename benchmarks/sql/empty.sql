-- Make the tables that a run writes as they were before it. Sequences go on: what the outside world was told of an
-- earlier row must not fit a later one.
-- Past the guards, as a replica.
SET session_replication_role = replica;
TRUNCATE jobs_jobitem, billing_invoice, billing_invoiceline, billing_commissionstatement, billing_invoiceaction,
    billing_invoicedelivery, billing_striperecord CASCADE;
SET session_replication_role = origin;
DELETE FROM billing_numberseries;
-- What Stripe has of former runs is of other books.
DELETE FROM billing_books;
VACUUM ANALYZE jobs_jobitem, billing_invoice, billing_invoiceline, billing_commissionstatement;
CHECKPOINT;
