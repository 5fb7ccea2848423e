-- Organizations :first to :last with a month to bill, always the same: 1 to 4 creators each, 2.5 on average, six
-- categories a creator, three meters with :hours hours each. Triggers and foreign keys are off while they are loaded:
-- the rows fit each other, and loading is not what is measured.
SET session_replication_role = replica;

INSERT INTO accounts_organization (id, name, email, status, currency, created_at, updated_at)
SELECT format('org_b%s', lpad(n::text, 8, '0')), format('Organization %s', n), format('billing%s@example.test', n),
    'active', 'USD', date :'month' - interval '3 months', date :'month' - interval '3 months'
FROM generate_series(:first, :last) n;

INSERT INTO billing_billingaccount (organization_id, invoice_email, address, tax_id, tax_rate_bps, stripe_customer_id,
    deliver_stripe, deliver_email, parked_reason, plan_id)
SELECT format('org_b%s', lpad(n::text, 8, '0')), '', format(E'%s Harbour Street\nDublin\nIreland', n), '',
    (ARRAY[0, 0, 2000, 2300])[1 + n % 4], '', true, true, '', 1 + n % 3
FROM generate_series(:first, :last) n;

INSERT INTO onlyfans_creatoraccount (id, organization_id, onlyfans_user_id, display_name, status, created_at)
SELECT n * 4 + place, format('org_b%s', lpad(n::text, 8, '0')), format('of_%s_%s', n, place),
    format('Creator %s of %s', place, n), 'active', date :'month' - interval '2 months'
FROM generate_series(:first, :last) n, generate_series(1, 1 + n % 4) place;

INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency, source,
    received_at)
SELECT n * 4 + place, :'month', category, gross, gross - gross / 5, 'USD', 'bench', now()
FROM generate_series(:first, :last) n, generate_series(1, 1 + n % 4) place,
    (VALUES (1, 'subscriptions'), (2, 'tips'), (3, 'messages'), (4, 'posts'), (5, 'streams'), (6, 'chargebacks'))
        AS categories(weight, category),
    LATERAL (SELECT CASE category WHEN 'chargebacks' THEN -(n * 31 + place) % 5000
        ELSE (n * 4 + place)::bigint * 7919 * weight % 90000 END) AS amounts(gross);

INSERT INTO billing_usagehour (organization_id, meter_id, hour, quantity)
SELECT format('org_b%s', lpad(n::text, 8, '0')), meter, (date :'month' + hour * interval '37 hours') AT TIME ZONE 'UTC',
    (n * 13 + hour * 101) % 5000 + 0.5
FROM generate_series(:first, :last) n, generate_series(1, 3) meter, generate_series(1, :hours) hour;

SET session_replication_role = origin;
VACUUM ANALYZE;
CHECKPOINT;
