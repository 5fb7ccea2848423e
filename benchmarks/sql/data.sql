-- A month to bill, always the same: :organizations organizations, 1 to 4 creators each (2.5 on average), six
-- categories a creator, three meters with :hours hours each. Triggers and foreign keys are off while it is loaded:
-- the rows fit each other, and loading is not what is measured.
SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO billing_meter (id, code, unit_name)
VALUES (1, 'messages', 'message'), (2, 'ai_tokens', 'AI token'), (3, 'storage', 'GB');

INSERT INTO billing_plan (id, code, name, currency, base_fee_cents, commission_basis, commission_free_months,
    minimum_commission_cents, maximum_commission_cents, issue_zero_invoices)
VALUES (1, 'starter', 'Starter', 'USD', 0, 'net', 1, 0, NULL, false),
    (2, 'growth', 'Growth', 'USD', 4900, 'net', 0, 500, NULL, false),
    (3, 'agency', 'Agency', 'USD', 29900, 'gross', 0, 0, 250000, false);

INSERT INTO billing_commissionbracket (plan_id, from_cents, rate_bps)
VALUES (1, 0, 2000), (2, 0, 1800), (2, 100000, 1500), (2, 250000, 1000), (3, 50000, 1250), (3, 200000, 733);

INSERT INTO billing_meterprice (plan_id, meter_id, included_quantity, unit_price_cents)
SELECT plan, meter, CASE meter WHEN 2 THEN 0 ELSE 100 * plan END, (ARRAY[0.25, 0.00012345, 1.5])[meter]
FROM generate_series(1, 3) plan, generate_series(1, 3) meter;

INSERT INTO accounts_organization (id, name, email, status, currency, created_at, updated_at)
SELECT format('org_b%s', lpad(n::text, 8, '0')), format('Organization %s', n), format('billing%s@example.test', n),
    'active', 'USD', date :'month' - interval '3 months', date :'month' - interval '3 months'
FROM generate_series(1, :organizations) n;

INSERT INTO billing_billingaccount (organization_id, invoice_email, address, tax_id, tax_rate_bps, stripe_customer_id,
    deliver_stripe, deliver_email, parked_reason, plan_id)
SELECT format('org_b%s', lpad(n::text, 8, '0')), '', format(E'%s Harbour Street\nDublin\nIreland', n), '',
    (ARRAY[0, 0, 2000, 2300])[1 + n % 4], '', true, true, '', 1 + n % 3
FROM generate_series(1, :organizations) n;

INSERT INTO onlyfans_creatoraccount (organization_id, onlyfans_user_id, display_name, status, created_at)
SELECT format('org_b%s', lpad(n::text, 8, '0')), format('of_%s_%s', n, place), format('Creator %s of %s', place, n),
    'active', date :'month' - interval '2 months'
FROM generate_series(1, :organizations) n, generate_series(1, 1 + n % 4) place;

INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency, source,
    received_at)
SELECT id, :'month', category, gross, gross - gross / 5, 'USD', 'bench', now()
FROM onlyfans_creatoraccount,
    (VALUES (1, 'subscriptions'), (2, 'tips'), (3, 'messages'), (4, 'posts'), (5, 'streams'), (6, 'chargebacks'))
        AS categories(weight, category),
    LATERAL (SELECT CASE category WHEN 'chargebacks' THEN -(id * 31 % 5000) ELSE id * 7919 * weight % 90000 END)
        AS amounts(gross);

INSERT INTO billing_usagehour (organization_id, meter_id, hour, quantity)
SELECT format('org_b%s', lpad(n::text, 8, '0')), meter, (date :'month' + hour * interval '37 hours') AT TIME ZONE 'UTC',
    (n * 13 + hour * 101) % 5000 + 0.5
FROM generate_series(1, :organizations) n, generate_series(1, 3) meter, generate_series(1, :hours) hour;

SELECT setval(pg_get_serial_sequence(name, 'id'), 1000)
FROM unnest(ARRAY['billing_meter', 'billing_plan']) name;
SET session_replication_role = origin;
VACUUM ANALYZE;
CHECKPOINT;
