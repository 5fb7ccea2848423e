-- :rows events over 25 months up to now, of 1,000 organizations (the first has a fifth of all), 20,000 creators (the first
-- has a hundredth) and 41 names (the last is rare, one in 100,000).
SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO accounts_organization (id, name, email, status, currency, created_at, updated_at)
SELECT format('org_e%s', lpad(n::text, 4, '0')), format('Organization %s', n), '', 'active', 'USD', now(), now()
FROM generate_series(0, 999) n;

SELECT analytics_add_month(month::date)
FROM generate_series(date_trunc('month', now()) - interval '24 months', date_trunc('month', now()) + interval '3 months',
    interval '1 month') month
WHERE to_regclass('analytics_event_' || to_char(month, '"y"YYYY"m"MM')) IS NULL;

-- Indexes are built when all rows are there: that writes less than keeping them row by row, and some of it goes in parallel.
SET maintenance_work_mem = '512MB';
CREATE TEMPORARY TABLE kept AS
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition, indisprimary FROM pg_index
WHERE indrelid = 'analytics_event'::regclass;
ALTER TABLE analytics_event DROP CONSTRAINT analytics_event_pkey;
SELECT format('DROP INDEX %s', name) FROM kept WHERE NOT indisprimary \gexec

INSERT INTO analytics_event (id, name, occurred_at, recorded_at, organization_id, creator, provider, source, properties,
    idempotency_key)
SELECT n,
    CASE WHEN n % 100000 = 7 THEN 'account.closed' ELSE format('%s.%s', (ARRAY['message', 'fan', 'post', 'tip'])[1 + n % 4],
        (ARRAY['opened', 'sent', 'seen', 'paid', 'joined', 'left', 'liked', 'shared', 'failed', 'queued'])[1 + n / 4 % 10]) END,
    moment.at, moment.at + interval '2 seconds',
    format('org_e%s', lpad(CASE WHEN n % 5 = 0 THEN 0 ELSE n * 7 % 1000 END::text, 4, '0')),
    CASE WHEN n % 100 = 0 THEN 'of_0' WHEN n % 10 = 9 THEN '' ELSE format('of_%s', n * 13 % 20000) END,
    'onlyfans', CASE n % 3 WHEN 0 THEN 'api' WHEN 1 THEN 'results' ELSE 'billing' END,
    jsonb_build_object('price_cents', n % 5000, 'thread', format('t%s', n % 100000), 'tags', jsonb_build_array('a', n % 7)),
    format('bench:%s', n)
FROM generate_series(1, :rows) n,
    LATERAL (SELECT now() - interval '24 months' + (interval '24 months' * (n::float / :rows)) AS at) AS moment;

SELECT replace(definition, ' ON ONLY ', ' ON ') FROM kept WHERE NOT indisprimary \gexec
ALTER TABLE analytics_event ADD PRIMARY KEY (id, occurred_at);

INSERT INTO analytics_eventkey (digest, event_id)
SELECT encode(substr(sha256(convert_to(format('bench:%s', n), 'UTF8')), 1, 16), 'hex')::uuid AS digest, n
FROM generate_series(1, :rows) n ORDER BY digest;

SELECT setval('analytics_event_id_seq', :rows);
SET session_replication_role = origin;
VACUUM ANALYZE;
CHECKPOINT;
