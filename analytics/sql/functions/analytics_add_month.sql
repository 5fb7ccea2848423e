-- Gives a month its own table. Attaching it locks nobody out, unless events of the month wait in the default partition: they
-- move then, and writers wait meanwhile instead of failing. Returns how many moved. A detached table loses its row triggers.
CREATE OR REPLACE FUNCTION analytics_add_month(month date)
    RETURNS bigint
    LANGUAGE plpgsql
AS $function$
DECLARE
    title text := 'analytics_event_' || to_char(month, '"y"YYYY"m"MM');
    starts timestamptz := date_trunc('month', month)::timestamp AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', month) + interval '1 month')::timestamp AT TIME ZONE 'UTC';
    moved bigint := 0;
    waiting boolean;
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE analytics_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', title);
    LOCK TABLE analytics_event IN SHARE ROW EXCLUSIVE MODE;
    waiting := EXISTS (SELECT 1 FROM analytics_event_default WHERE occurred_at >= starts AND occurred_at < ends);
    IF waiting THEN
        LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE analytics_event DETACH PARTITION analytics_event_default;
        EXECUTE format(
            'INSERT INTO %I SELECT * FROM analytics_event_default WHERE occurred_at >= $1 AND occurred_at < $2', title
        ) USING starts, ends;
        GET DIAGNOSTICS moved = ROW_COUNT;
        DELETE FROM analytics_event_default WHERE occurred_at >= starts AND occurred_at < ends;
    END IF;
    EXECUTE format('ALTER TABLE analytics_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', title, starts, ends);
    IF waiting THEN
        ALTER TABLE analytics_event ATTACH PARTITION analytics_event_default DEFAULT;
    END IF;
    EXECUTE format('CREATE TRIGGER analytics_events_stay BEFORE TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_events()', title);
    RETURN moved;
END $function$;
