-- :creators creators of one organization, with the keys 1, 2, 3 and so on.
INSERT INTO accounts_organization (id, name, email, status, currency, created_at, updated_at)
VALUES ('org_bench', 'Bench', 'bench@example.test', 'active', 'USD', now(), now());
INSERT INTO onlyfans_creatoraccount (id, organization_id, onlyfans_user_id, display_name, status, created_at,
    connection_state, connection_reason)
SELECT place, 'org_bench', 'of_' || place, 'Creator ' || place, 'active', now(), 'untried', ''
FROM generate_series(1, :creators) place;
ANALYZE;
