-- Does for one row what onlyfans_ingest does for many: starting that large statement takes longer than the work. Rare cases
-- are left to it. Values are taken out by expressions, which need no statement. Index-only scans are off, since each of them
-- asks the system for memory and gives it back.
CREATE OR REPLACE FUNCTION onlyfans_ingest_one(given jsonb)
    RETURNS text
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_indexonlyscan TO 'off'
AS $function$
DECLARE
    given_user text := given ->> 'user_id';
    given_month date := given ->> 'month';
    given_currency text := given ->> 'currency';
    given_parts jsonb := given -> 'parts';
    given_source text := given ->> 'source';
    given_bucket text := given ->> 'bucket';
    given_key text := given ->> 'key';
    given_etag text := given ->> 'etag';
    given_sequencer text := given ->> 'sequencer';
    given_at timestamptz := given ->> 'received_at';
    given_print uuid := onlyfans_fingerprint(
        given_bucket, given_key, given_etag, given_source, given_currency, given_parts
    );
    creator bigint;
    held text[];
    held_id bigint;
    held_at timestamptz;
    held_source text;
    is_corrected boolean;
    known_id bigint;
    version_id bigint;
    standing_id bigint;
    standing_at timestamptz := given_at;
    standing_source text := given_source;
    standing_currency text := given_currency;
    standing_parts jsonb := given_parts;
BEGIN
    -- What follows sees what others committed before.
    SELECT id INTO creator FROM onlyfans_creatoraccount WHERE onlyfans_user_id = given_user FOR NO KEY UPDATE;
    IF creator IS NULL THEN
        RETURN (SELECT one.outcome FROM onlyfans_ingest(jsonb_build_array(given)) one);
    END IF;
    -- The month's rows all tell of the version that stands.
    SELECT max(stood.revision_id), max(stood.received_at), max(stood.source), array_agg(stood.category), EXISTS (
        SELECT FROM onlyfans_earningsrevision correction
        WHERE correction.creator_id = creator AND correction.month = given_month AND correction.answers IS NOT NULL
    ), (
        SELECT known.id FROM onlyfans_earningsrevision known
        WHERE known.creator_id = creator AND known.month = given_month AND known.fingerprint = given_print
    ) INTO held_id, held_at, held_source, held, is_corrected, known_id
    FROM onlyfans_earningsaggregate stood WHERE stood.creator_id = creator AND stood.month = given_month;
    IF is_corrected OR given ? 'answers' THEN
        RETURN (SELECT one.outcome FROM onlyfans_ingest(jsonb_build_array(given)) one);
    END IF;

    IF known_id IS NULL THEN
        INSERT INTO onlyfans_earningsrevision (creator_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint)
        VALUES (creator, given_month, given_currency, given_parts, given_source, given_bucket, given_key, given_etag,
            given_sequencer, given_at, (given ->> 'recorded_at')::timestamptz, given_print)
        RETURNING id INTO version_id;
    ELSE
        version_id := known_id;
        UPDATE onlyfans_earningsrevision former
        SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source
        FROM (SELECT given_sequencer AS sequencer, given_at AS received_at, given_source AS source) excluded
        WHERE former.id = known_id AND 
    CASE WHEN former.key = '' THEN (excluded.received_at, excluded.source) > (former.received_at, former.source)
    WHEN excluded.sequencer <> former.sequencer THEN excluded.sequencer > former.sequencer
    ELSE (excluded.received_at, excluded.source) < (former.received_at, former.source) END
;
    END IF;

    IF known_id IS NULL AND given_sequencer = '' AND given_at > held_at AND held_id IS NOT NULL THEN
        -- A new version without S3's order competes by time alone, and this is later than what won until now.
        standing_id := version_id;
    ELSE
        -- Of each object its newest version by S3's order; beside it, what came without such an order.
        SELECT leader.id, leader.received_at, leader.source, leader.currency, leader.parts
        INTO standing_id, standing_at, standing_source, standing_currency, standing_parts
        FROM (
            SELECT DISTINCT ON (bucket, key, sequencer = '') * FROM onlyfans_earningsrevision version
            WHERE version.creator_id = creator AND version.month = given_month
            ORDER BY bucket, key, sequencer = '', sequencer COLLATE "C" DESC, received_at DESC, fingerprint DESC
        ) leader ORDER BY leader.received_at DESC, leader.fingerprint DESC LIMIT 1;
    END IF;

    IF (held_id, held_at, held_source) IS DISTINCT FROM (standing_id, standing_at, standing_source) THEN
        IF held IS NOT NULL THEN
            -- What is gone becomes zero: late data is found by change, and what is deleted changes no more.
            UPDATE onlyfans_earningsaggregate row
            SET gross_cents = coalesce((standing_parts -> row.category ->> 0)::bigint, 0),
                net_cents = coalesce((standing_parts -> row.category ->> 1)::bigint, 0),
                currency = standing_currency, source = standing_source, received_at = standing_at,
                revision_id = standing_id
            WHERE row.creator_id = creator AND row.month = given_month;
        END IF;
        IF held IS NULL OR standing_parts - held <> '{}' THEN
            INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency,
                source, received_at, revision_id)
            SELECT creator, given_month, part.key, (part.value ->> 0)::bigint, (part.value ->> 1)::bigint,
                standing_currency, standing_source, standing_at, standing_id
            FROM jsonb_each(standing_parts) part WHERE held IS NULL OR part.key <> ALL (held);
        END IF;
    END IF;
    RETURN CASE
        WHEN standing_id = version_id AND held_id IS NULL THEN 'created'
        WHEN standing_id = version_id AND held_id <> version_id THEN 'updated'
        WHEN known_id IS NULL AND standing_id <> version_id THEN 'stale'
        WHEN known_id IS NOT NULL AND held_id <> standing_id THEN 'updated'
        ELSE 'unchanged' END;
END $function$;
