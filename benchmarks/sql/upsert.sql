\set creator random(1, :creators)
\set cents random(1, 1000000)
INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency, source,
    received_at)
VALUES (:creator, '2026-07-01', 'uncategorized', :cents, :cents, 'USD', 'floor', now())
ON CONFLICT (creator_id, month, category) DO UPDATE
SET gross_cents = excluded.gross_cents, net_cents = excluded.net_cents, currency = excluded.currency,
    source = excluded.source, received_at = excluded.received_at;
