-- Takes in many rows of earnings: keeps their versions, decides which of each month stands, and writes its figures.
-- Of one version sent more than once counts: of an object the newest by S3's order, and of that its first delivery; of
-- figures without an object the last. Plans are made once a session, and find rows by index however large the tables were
-- then.
CREATE OR REPLACE FUNCTION onlyfans_ingest(given jsonb)
    RETURNS TABLE(place integer, outcome text)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_nestloop TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    ids bigint[];
    users text[];
BEGIN
    -- In one order everywhere, so that nobody waits in a circle; what follows sees what others committed before.
    SELECT array_agg(locked.id), array_agg(locked.onlyfans_user_id) INTO ids, users FROM (
        SELECT id, onlyfans_user_id FROM onlyfans_creatoraccount
        WHERE onlyfans_user_id = ANY (ARRAY(SELECT one ->> 'user_id' FROM jsonb_array_elements(given) one))
        ORDER BY id FOR NO KEY UPDATE
    ) locked;

    IF EXISTS (SELECT FROM onlyfans_earningsrevision WHERE creator_id = ANY (ids) AND answers IS NOT NULL)
        OR jsonb_path_exists(given, '$[*].answers')
    THEN
    RETURN QUERY WITH incoming AS MATERIALIZED (
        SELECT known.id AS creator_id, row.*,
            onlyfans_fingerprint(bucket, key, etag, source, currency, parts) AS fingerprint
        FROM jsonb_to_recordset(given) AS row(
            place integer, user_id text, month date, currency text, parts jsonb, source text,
            bucket text, key text, etag text, sequencer text, received_at timestamptz,
            recorded_at timestamptz, answers jsonb
        )
        LEFT JOIN unnest(ids, users) AS known(id, onlyfans_user_id) ON known.onlyfans_user_id = user_id
    ), waiting AS (
        INSERT INTO onlyfans_unmatchedaggregate AS former (onlyfans_user_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint)
        SELECT DISTINCT ON (user_id, month, fingerprint) user_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint
        FROM incoming WHERE creator_id IS NULL
        ORDER BY user_id, month, fingerprint,
            sequencer COLLATE "C" DESC, CASE WHEN key <> '' THEN received_at END, CASE WHEN key <> '' THEN source END,
            received_at DESC, source DESC, place
        ON CONFLICT (onlyfans_user_id, month, fingerprint) DO UPDATE
        -- Whoever sends again what was dismissed means it.
        SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source,
            dismissed_at = NULL, dismissed_reason = ''
        WHERE CASE
            WHEN former.key = '' THEN (excluded.received_at, excluded.source) > (former.received_at, former.source)
            WHEN excluded.sequencer <> former.sequencer THEN excluded.sequencer > former.sequencer
            ELSE (excluded.received_at, excluded.source) < (former.received_at, former.source) END
    ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (creator_id, month, fingerprint) *,
            min(place) OVER (PARTITION BY creator_id, month, fingerprint) AS first_place
        FROM incoming WHERE creator_id IS NOT NULL
        ORDER BY creator_id, month, fingerprint,
            sequencer COLLATE "C" DESC, CASE WHEN key <> '' THEN received_at END, CASE WHEN key <> '' THEN source END,
            received_at DESC, source DESC, place
    ), kept AS MATERIALIZED (
        INSERT INTO onlyfans_earningsrevision AS former (creator_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint, answers)
        SELECT creator_id, month, currency, parts, source, bucket, key, etag, sequencer, received_at, recorded_at,
            fingerprint, answers
        FROM fresh
        ON CONFLICT (creator_id, month, fingerprint) DO UPDATE
        SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source,
            answers = excluded.answers
        WHERE CASE
            WHEN former.key = '' THEN (excluded.received_at, excluded.source) > (former.received_at, former.source)
            WHEN excluded.sequencer <> former.sequencer THEN excluded.sequencer > former.sequencer
            ELSE (excluded.received_at, excluded.source) < (former.received_at, former.source) END
        RETURNING *, xmax = 0 AS is_new
    ), pair AS (
        SELECT DISTINCT creator_id, month FROM fresh
    ), known AS MATERIALIZED (
        SELECT former.* FROM pair CROSS JOIN LATERAL (
            SELECT * FROM onlyfans_earningsrevision one
            WHERE one.creator_id = pair.creator_id AND one.month = pair.month OFFSET 0
        ) former
    ), version AS (
        SELECT id, creator_id, month, currency, parts, source, bucket, key, sequencer, received_at, fingerprint,
            answers
        FROM kept
        UNION ALL
        SELECT id, creator_id, month, currency, parts, source, bucket, key, sequencer, received_at, fingerprint,
            answers
        FROM known WHERE id NOT IN (SELECT id FROM kept)
    ), correction AS MATERIALIZED (
        -- What staff entered stands until a source says something else than it had said by then.
        SELECT DISTINCT ON (creator_id, month) id, creator_id, month, received_at, answers
        FROM version WHERE answers IS NOT NULL
        ORDER BY creator_id, month, received_at DESC, fingerprint DESC
    ), lasting AS MATERIALIZED (
        SELECT correction.id, correction.creator_id, correction.month, correction.received_at,
            max(later.received_at) AS confirmed_at
        FROM correction LEFT JOIN version later ON later.creator_id = correction.creator_id
            AND later.month = correction.month AND later.received_at > correction.received_at
        GROUP BY 1, 2, 3, 4
        -- Compared as answers are kept: a category without figures and none at all are the same.
        HAVING coalesce(bool_and(correction.answers -> later.source IS NOT DISTINCT FROM jsonb_build_array(
            later.currency, (
                SELECT coalesce(jsonb_object_agg(part.key, part.value), '{}')
                FROM jsonb_each(later.parts) part WHERE part.value <> '[0, 0]'
            )
        )) FILTER (WHERE later.id IS NOT NULL), true)
    ), leader AS (
        -- Of each object its newest version by S3's order; beside it, what came without such an order.
        SELECT DISTINCT ON (creator_id, month, bucket, key, sequencer = '') version.*,
            coalesce(lasting.confirmed_at, version.received_at) AS holds_at
        FROM version LEFT JOIN lasting ON lasting.creator_id = version.creator_id AND lasting.month = version.month
        WHERE lasting.id IS NULL OR version.id = lasting.id OR version.received_at < lasting.received_at
        ORDER BY creator_id, month, bucket, key, sequencer = '', sequencer COLLATE "C" DESC, received_at DESC,
            fingerprint DESC
    ), standing AS MATERIALIZED (
        SELECT DISTINCT ON (creator_id, month) * FROM leader
        ORDER BY creator_id, month, received_at DESC, fingerprint DESC
    ), moved AS MATERIALIZED (
        SELECT standing.*, former.revision_id AS former_id FROM standing LEFT JOIN LATERAL (
            SELECT revision_id, received_at, source FROM onlyfans_earningsaggregate row
            WHERE row.creator_id = standing.creator_id AND row.month = standing.month LIMIT 1
        ) former ON true
        WHERE (former.revision_id, former.received_at, former.source)
            IS DISTINCT FROM (standing.id, standing.holds_at, standing.source)
    ), written AS (
        INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency,
            source, received_at, revision_id)
        SELECT moved.creator_id, moved.month, part.category, part.gross, part.net, moved.currency, moved.source,
            moved.holds_at, moved.id
        FROM moved CROSS JOIN LATERAL (
            SELECT one.key AS category, (one.value ->> 0)::bigint AS gross, (one.value ->> 1)::bigint AS net
            FROM jsonb_each(moved.parts) one
            UNION ALL
            -- What is gone becomes zero: late data is found by change, and what is deleted changes no more.
            SELECT gone.category, 0, 0 FROM onlyfans_earningsaggregate gone
            WHERE gone.creator_id = moved.creator_id AND gone.month = moved.month
                AND NOT moved.parts ? gone.category
        ) part
        ON CONFLICT (creator_id, month, category) DO UPDATE
        SET gross_cents = excluded.gross_cents, net_cents = excluded.net_cents, currency = excluded.currency,
            source = excluded.source, received_at = excluded.received_at, revision_id = excluded.revision_id
    )
    SELECT incoming.place, CASE
        WHEN incoming.creator_id IS NULL THEN 'unmatched'
        WHEN fresh.first_place IS NULL THEN 'unchanged'
        WHEN moved.fingerprint = incoming.fingerprint AND moved.former_id IS NULL THEN 'created'
        WHEN moved.fingerprint = incoming.fingerprint AND moved.former_id <> moved.id THEN 'updated'
        WHEN kept.is_new AND standing.id <> kept.id THEN 'stale'
        WHEN kept.id IS NOT NULL AND moved.former_id <> moved.id AND NOT EXISTS (
            SELECT FROM fresh other WHERE other.creator_id = moved.creator_id AND other.month = moved.month
                AND other.fingerprint = moved.fingerprint
        ) THEN 'updated'
        ELSE 'unchanged' END
    FROM incoming
    LEFT JOIN fresh ON fresh.first_place = incoming.place
    LEFT JOIN kept ON kept.creator_id = incoming.creator_id AND kept.month = incoming.month
        AND kept.fingerprint = incoming.fingerprint
    LEFT JOIN standing ON standing.creator_id = incoming.creator_id AND standing.month = incoming.month
    LEFT JOIN moved ON moved.creator_id = incoming.creator_id AND moved.month = incoming.month
    ORDER BY incoming.place;
    ELSE
    -- The same without corrections, which few months have: looking for them takes as long as all the rest.
    RETURN QUERY WITH incoming AS MATERIALIZED (
        SELECT known.id AS creator_id, row.*,
            onlyfans_fingerprint(bucket, key, etag, source, currency, parts) AS fingerprint
        FROM jsonb_to_recordset(given) AS row(
            place integer, user_id text, month date, currency text, parts jsonb, source text,
            bucket text, key text, etag text, sequencer text, received_at timestamptz,
            recorded_at timestamptz, answers jsonb
        )
        LEFT JOIN unnest(ids, users) AS known(id, onlyfans_user_id) ON known.onlyfans_user_id = user_id
    ), waiting AS (
        INSERT INTO onlyfans_unmatchedaggregate AS former (onlyfans_user_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint)
        SELECT DISTINCT ON (user_id, month, fingerprint) user_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint
        FROM incoming WHERE creator_id IS NULL
        ORDER BY user_id, month, fingerprint,
            sequencer COLLATE "C" DESC, CASE WHEN key <> '' THEN received_at END, CASE WHEN key <> '' THEN source END,
            received_at DESC, source DESC, place
        ON CONFLICT (onlyfans_user_id, month, fingerprint) DO UPDATE
        -- Whoever sends again what was dismissed means it.
        SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source,
            dismissed_at = NULL, dismissed_reason = ''
        WHERE CASE
            WHEN former.key = '' THEN (excluded.received_at, excluded.source) > (former.received_at, former.source)
            WHEN excluded.sequencer <> former.sequencer THEN excluded.sequencer > former.sequencer
            ELSE (excluded.received_at, excluded.source) < (former.received_at, former.source) END
    ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (creator_id, month, fingerprint) *,
            min(place) OVER (PARTITION BY creator_id, month, fingerprint) AS first_place
        FROM incoming WHERE creator_id IS NOT NULL
        ORDER BY creator_id, month, fingerprint,
            sequencer COLLATE "C" DESC, CASE WHEN key <> '' THEN received_at END, CASE WHEN key <> '' THEN source END,
            received_at DESC, source DESC, place
    ), kept AS MATERIALIZED (
        INSERT INTO onlyfans_earningsrevision AS former (creator_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint, answers)
        SELECT creator_id, month, currency, parts, source, bucket, key, etag, sequencer, received_at, recorded_at,
            fingerprint, answers
        FROM fresh
        ON CONFLICT (creator_id, month, fingerprint) DO UPDATE
        SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source,
            answers = excluded.answers
        WHERE CASE
            WHEN former.key = '' THEN (excluded.received_at, excluded.source) > (former.received_at, former.source)
            WHEN excluded.sequencer <> former.sequencer THEN excluded.sequencer > former.sequencer
            ELSE (excluded.received_at, excluded.source) < (former.received_at, former.source) END
        RETURNING *, xmax = 0 AS is_new
    ), pair AS (
        SELECT DISTINCT creator_id, month FROM fresh
    ), known AS MATERIALIZED (
        SELECT former.* FROM pair CROSS JOIN LATERAL (
            SELECT * FROM onlyfans_earningsrevision one
            WHERE one.creator_id = pair.creator_id AND one.month = pair.month OFFSET 0
        ) former
    ), version AS (
        SELECT id, creator_id, month, currency, parts, source, bucket, key, sequencer, received_at, fingerprint,
            answers
        FROM kept
        UNION ALL
        SELECT id, creator_id, month, currency, parts, source, bucket, key, sequencer, received_at, fingerprint,
            answers
        FROM known WHERE id NOT IN (SELECT id FROM kept)
    ), leader AS (
        -- Of each object its newest version by S3's order; beside it, what came without such an order.
        SELECT DISTINCT ON (creator_id, month, bucket, key, sequencer = '') version.*, version.received_at AS holds_at
        FROM version
        ORDER BY creator_id, month, bucket, key, sequencer = '', sequencer COLLATE "C" DESC, received_at DESC,
            fingerprint DESC
    ), standing AS MATERIALIZED (
        SELECT DISTINCT ON (creator_id, month) * FROM leader
        ORDER BY creator_id, month, received_at DESC, fingerprint DESC
    ), moved AS MATERIALIZED (
        SELECT standing.*, former.revision_id AS former_id FROM standing LEFT JOIN LATERAL (
            SELECT revision_id, received_at, source FROM onlyfans_earningsaggregate row
            WHERE row.creator_id = standing.creator_id AND row.month = standing.month LIMIT 1
        ) former ON true
        WHERE (former.revision_id, former.received_at, former.source)
            IS DISTINCT FROM (standing.id, standing.holds_at, standing.source)
    ), written AS (
        INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency,
            source, received_at, revision_id)
        SELECT moved.creator_id, moved.month, part.category, part.gross, part.net, moved.currency, moved.source,
            moved.holds_at, moved.id
        FROM moved CROSS JOIN LATERAL (
            SELECT one.key AS category, (one.value ->> 0)::bigint AS gross, (one.value ->> 1)::bigint AS net
            FROM jsonb_each(moved.parts) one
            UNION ALL
            -- What is gone becomes zero: late data is found by change, and what is deleted changes no more.
            SELECT gone.category, 0, 0 FROM onlyfans_earningsaggregate gone
            WHERE gone.creator_id = moved.creator_id AND gone.month = moved.month
                AND NOT moved.parts ? gone.category
        ) part
        ON CONFLICT (creator_id, month, category) DO UPDATE
        SET gross_cents = excluded.gross_cents, net_cents = excluded.net_cents, currency = excluded.currency,
            source = excluded.source, received_at = excluded.received_at, revision_id = excluded.revision_id
    )
    SELECT incoming.place, CASE
        WHEN incoming.creator_id IS NULL THEN 'unmatched'
        WHEN fresh.first_place IS NULL THEN 'unchanged'
        WHEN moved.fingerprint = incoming.fingerprint AND moved.former_id IS NULL THEN 'created'
        WHEN moved.fingerprint = incoming.fingerprint AND moved.former_id <> moved.id THEN 'updated'
        WHEN kept.is_new AND standing.id <> kept.id THEN 'stale'
        WHEN kept.id IS NOT NULL AND moved.former_id <> moved.id AND NOT EXISTS (
            SELECT FROM fresh other WHERE other.creator_id = moved.creator_id AND other.month = moved.month
                AND other.fingerprint = moved.fingerprint
        ) THEN 'updated'
        ELSE 'unchanged' END
    FROM incoming
    LEFT JOIN fresh ON fresh.first_place = incoming.place
    LEFT JOIN kept ON kept.creator_id = incoming.creator_id AND kept.month = incoming.month
        AND kept.fingerprint = incoming.fingerprint
    LEFT JOIN standing ON standing.creator_id = incoming.creator_id AND standing.month = incoming.month
    LEFT JOIN moved ON moved.creator_id = incoming.creator_id AND moved.month = incoming.month
    ORDER BY incoming.place;
    END IF;
END $function$;
