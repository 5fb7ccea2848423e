-- A run with :rows items of which one in a hundred failed, a second one under way, and :rows invoices of ten months for
-- a tenth as many organizations, two deliveries each. One invoice in 5,000 is held; of 400 one delivery failed.
SET session_replication_role = replica;

INSERT INTO billing_planterms (id, plan_id, digest, terms) VALUES (1, 1, 'bench', '{}');

INSERT INTO jobs_jobrun (id, job, params, dry_run, trigger, reason, mode, status, error, summary, expected, done, skipped,
    failed, created_at, started_at, finished_at)
SELECT id, 'monthly-billing', json_build_object('month', to_char(date :'month', 'YYYY-MM'), 'dry_run', false,
        'organizations', json_build_array(), 'regenerate', false, 'stripe', true, 'email', true, 'deliver', true),
    false, 'schedule', '', '', CASE id WHEN 1 THEN 'partial' ELSE 'running' END, '',
    json_build_object('month', to_char(date :'month', 'YYYY-MM'), 'dry_run', false, 'organizations', :rows,
        'invoices', :rows * 98 / 100, 'held', :rows / 100, 'seconds', 1234.5,
        'errors', json_build_object('generate', 0, 'pdf', 0, 'storage', 0, 'stripe', :rows / 200, 'email', :rows / 200),
        'revenue_cents', json_build_object('USD', 123456789012)),
    :rows, :rows * 98 / 100, :rows / 100, :rows / 100, now() - interval '1 hour', now() - interval '59 minutes',
    CASE id WHEN 1 THEN now() END
FROM generate_series(1, 2) id;

INSERT INTO jobs_jobitem (run_id, key, status, step, steps, result, error_kind, error, attempts, crashes, token, worker,
    started_at, finished_at)
SELECT 1, format('org_b%s', lpad(n::text, 8, '0')), status,
    CASE WHEN status <> 'failed' THEN 'email' WHEN n % 200 = 0 THEN 'stripe' ELSE 'email' END,
    json_build_object(
        'compute', step.done, 'number', step.done, 'pdf', step.done, 'store', step.done, 'stripe', step.done,
        'email', CASE WHEN status = 'failed' THEN json_build_object('status', 'failed', 'attempts', 5, 'errors',
            json_build_array(json_build_object('at', '2026-11-01T02:10:00Z', 'kind', 'permanent', 'message',
                'The mail server refused the recipient: 550'))) ELSE step.done END),
    json_build_object('currency', 'USD', 'total_cents', n % 1000000, 'lines', 7, 'status', 'finalized', 'held_reason', '',
        'former_total_cents', n % 900000, 'invoice_id', n, 'number', format('INV-2026-%s', lpad(n::text, 7, '0'))),
    CASE status WHEN 'failed' THEN 'permanent' ELSE '' END,
    CASE status WHEN 'failed' THEN 'The mail server refused the recipient: 550' ELSE '' END,
    0, 0, 1, 'vm:1:1', now(), now()
FROM generate_series(1, :rows) n,
    LATERAL (SELECT CASE WHEN n % 100 = 0 THEN 'failed' WHEN n % 100 = 1 THEN 'skipped' ELSE 'done' END) AS state(status),
    (SELECT json_build_object('status', 'done', 'attempts', 1, 'started_at', '2026-11-01T02:00:00.123456Z', 'seconds',
        0.321, 'errors', json_build_array()) AS done) AS step;

INSERT INTO billing_invoice (organization_id, month, kind, status, number, currency, subtotal_cents, tax_cents,
    total_cents, issue_date, due_date, seller, buyer, held_reason, computed_at, finalized_at, run_id, terms_id)
SELECT format('org_b%s', lpad((1 + n % (:rows / 10))::text, 8, '0')),
    date :'month' - (9 - n / (:rows / 10)) * interval '1 month', 'invoice', status,
    CASE WHEN status <> 'held' THEN format('INV-2026-%s', lpad(n::text, 7, '0')) END, 'USD', n % 1000000, 0,
    n % 1000000, :'month', :'month', '{"name": "Huntaze"}',
    json_build_object('name', format('Organization %s', n), 'address', '1 Harbour Street'),
    CASE status WHEN 'held' THEN 'Its total is above USD 50,000.00.' ELSE '' END, now(), now(), 1, 1
FROM generate_series(0, :rows - 1) n,
    LATERAL (SELECT CASE WHEN n % 5000 = 7 THEN 'held' WHEN n % 3 = 0 THEN 'paid' ELSE 'finalized' END) AS state(status);

INSERT INTO billing_invoicedelivery (invoice_id, step, sequence, status, attempts, reference, detail, error, created_at,
    done_at)
SELECT id, step, 1, CASE WHEN id % 400 = 0 AND step = 'email' THEN 'failed' ELSE 'done' END, 1,
    CASE step WHEN 'email' THEN format('<invoice-%s-1@huntaze.test>', id) ELSE '' END, '{}', '', now(), now()
FROM billing_invoice, (VALUES ('pdf'), ('email')) AS steps(step);

SELECT setval(pg_get_serial_sequence('jobs_jobrun', 'id'), 2);
SET session_replication_role = origin;
VACUUM ANALYZE;
CHECKPOINT;
