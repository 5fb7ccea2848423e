-- Put a run's rows aside, bare, in the order in which they were written, and empty the tables they came from.
DROP SCHEMA IF EXISTS kept CASCADE;
CREATE SCHEMA kept;
CREATE TABLE kept.item AS SELECT * FROM jobs_jobitem ORDER BY id;
CREATE TABLE kept.line AS SELECT * FROM billing_invoiceline ORDER BY id;
CREATE TABLE kept.statement AS SELECT * FROM billing_commissionstatement ORDER BY id;
CREATE TABLE kept.invoice AS SELECT * FROM billing_invoice ORDER BY id;
VACUUM ANALYZE kept.item, kept.line, kept.statement, kept.invoice;
