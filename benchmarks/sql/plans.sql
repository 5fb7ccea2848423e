-- Three meters, and three plans that differ in basis, brackets, limits and prices.
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
