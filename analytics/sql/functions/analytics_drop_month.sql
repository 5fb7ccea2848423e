-- Drops a month of events with its keys. Nobody writes into the month meanwhile: an event that came after its key was looked
-- for would leave the key behind.
CREATE OR REPLACE FUNCTION analytics_drop_month(month date)
    RETURNS bigint
    LANGUAGE plpgsql
AS $function$
DECLARE
    title text := 'analytics_event_' || to_char(month, '"y"YYYY"m"MM');
    dropped bigint;
BEGIN
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', title);
    EXECUTE format('SELECT count(*) FROM %I', title) INTO dropped;
    EXECUTE format(
        'DELETE FROM analytics_eventkey known USING %I event '
        'WHERE known.digest = encode(substr(sha256(convert_to(event.idempotency_key, ''UTF8'')), 1, 16), ''hex'')::uuid',
        title
    );
    EXECUTE format('DROP TABLE %I', title);
    RETURN dropped;
END $function$;
