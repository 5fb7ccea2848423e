-- Creators with two years of earnings; a tenth of them with two years of days that snapshots left, and the snapshots of
-- the last week as rows. Variables: creators, months, days, month.
INSERT INTO accounts_organization (id, name, email, status, currency, created_at, updated_at)
SELECT format('org_%s', n), format('Organization %s', n), '', 'active', 'USD', now(), now()
FROM generate_series(1, greatest(:creators / 5, 1)) n;

INSERT INTO onlyfans_creatoraccount (organization_id, onlyfans_user_id, display_name, status, created_at)
SELECT format('org_%s', 1 + (n - 1) / 5), format('of_%s', n), format('Creator %s', n), 'active', now()
FROM generate_series(1, :creators) n;

INSERT INTO onlyfans_earningsaggregate
    (creator_id, month, category, gross_cents, net_cents, currency, source, received_at)
SELECT creator.id, (:'month'::date - make_interval(months => back))::date, category,
    weight * (500 + (creator.id * 7919 + back * 104729) % 1000), weight * 4 * (500 + (creator.id * 7919 + back * 104729) % 1000) / 5,
    CASE creator.id % 20 WHEN 0 THEN 'EUR' ELSE 'USD' END, 'bench', now()
FROM onlyfans_creatoraccount creator, generate_series(0, :months - 1) back,
    (VALUES ('subscriptions', 60), ('tips', 15), ('messages', 35), ('posts', 8), ('streams', 6), ('referrals', 2),
        ('chargebacks', -3)) category(category, weight);

INSERT INTO analytics_providersnapshot
    (provider, creator, organization_id, slot_at, read_at, state, error, currency, metrics, deltas, jumps)
SELECT 'onlyfans', onlyfans_user_id, organization_id, slot_at, slot_at, 'complete', '', 'USD',
    jsonb_build_object('fans', 500 + id % 5000 + place, 'replies', place, 'messages_sent', place * 2,
        'messages_received', place, 'earned_gross_cents', place * 100, 'earned_net_cents', place * 80),
    jsonb_build_object('fans', 1, 'replies', 1, 'messages_sent', 2, 'messages_received', 1, 'earned_gross_cents', 100,
        'earned_net_cents', 80),
    CASE WHEN (id + place) % 500 = 0 THEN '{"fans": {"change": 400, "usual": 3}}'::jsonb ELSE '{}' END
FROM onlyfans_creatoraccount,
    generate_series(date_trunc('day', now(), 'UTC') - interval '7 days', now(), interval '6 hours')
    WITH ORDINALITY slot(slot_at, place)
WHERE id % 10 = 7;

INSERT INTO analytics_creatorday (provider, creator, organization_id, day, currency, closing, change)
SELECT 'onlyfans', onlyfans_user_id, organization_id, current_date - back, 'USD',
    jsonb_build_object('fans', 1500 + id % 5000 - back, 'replies', 10, 'messages_sent', 20, 'messages_received', 10,
        'earned_gross_cents', 100, 'earned_net_cents', 80),
    jsonb_build_object('fans', 1, 'replies', 10, 'messages_sent', 20, 'messages_received', 10, 'earned_gross_cents', 100,
        'earned_net_cents', 80)
FROM onlyfans_creatoraccount, generate_series(0, :days - 1) back
WHERE id % 10 = 7;

INSERT INTO analytics_metricday
    (provider, is_total, organization_id, metric, currency, day, closing, change, creators)
SELECT 'onlyfans', GROUPING(organization_id) = 1, organization_id, key, CASE WHEN key LIKE '%_cents' THEN 'USD' ELSE '' END,
    day, sum(value::bigint), sum((change ->> key)::bigint), count(*)
FROM analytics_creatorday, jsonb_each_text(closing)
GROUP BY GROUPING SETS ((organization_id, key, day), (key, day));

INSERT INTO analytics_rollupstate (name, refreshed_at) VALUES ('days onlyfans', now());
ANALYZE;
