\set first random(1, :creators - 1000)
\set cents random(1, 1000000)
INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency, source,
    received_at)
SELECT creator, '2026-06-01', 'uncategorized', :cents + creator, :cents, 'USD', 'floor', now()
FROM generate_series(:first::bigint, :first + 999) creator
ON CONFLICT (creator_id, month, category) DO UPDATE
SET gross_cents = excluded.gross_cents, net_cents = excluded.net_cents, currency = excluded.currency,
    source = excluded.source, received_at = excluded.received_at;
