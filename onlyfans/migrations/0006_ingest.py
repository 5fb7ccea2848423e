"""Let the database take earnings in: one call keeps the versions, decides which stand, and projects those."""

from django.db import migrations

# Of immutable parts alone: only then is it written into the statement that calls it, which halves its time. That leaves
# out `convert_to`; decoding a text whose backslashes are doubled gives the same bytes.
FINGERPRINT = """
CREATE FUNCTION onlyfans_fingerprint(
    bucket text, key text, etag text, source text, currency text, parts jsonb
) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(substring(sha256(decode(replace(
        quote_literal(bucket) || quote_literal(key) || quote_literal(etag)
            || CASE WHEN key = '' THEN quote_literal(source) ELSE '' END || currency || parts::text,
        '\\', '\\\\'
    ), 'escape')) FOR 16), 'hex')::uuid
$$;
"""

# Of one version that came more than once: of an object the newest by S3's order and of that its first delivery; of
# figures without an object the last.
_IS_LATER = """
    CASE WHEN former.key = '' THEN (excluded.received_at, excluded.source) > (former.received_at, former.source)
    WHEN excluded.sequencer <> former.sequencer THEN excluded.sequencer > former.sequencer
    ELSE (excluded.received_at, excluded.source) < (former.received_at, former.source) END
"""
_ONE_A_VERSION = """
    sequencer COLLATE "C" DESC, CASE WHEN key <> '' THEN received_at END, CASE WHEN key <> '' THEN source END,
    received_at DESC, source DESC, place
"""

# Plans are made once a session, and look rows up by their indexes whatever the tables' sizes were then.
INGEST = f"""
CREATE FUNCTION onlyfans_ingest(given jsonb) RETURNS TABLE (place integer, outcome text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
    SET enable_nestloop = off AS $$
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

    RETURN QUERY WITH incoming AS MATERIALIZED (
        SELECT known.id AS creator_id, row.*,
            onlyfans_fingerprint(bucket, key, etag, source, currency, parts) AS fingerprint
        FROM jsonb_to_recordset(given) AS row(
            place integer, user_id text, month date, currency text, parts jsonb, source text,
            bucket text, key text, etag text, sequencer text, received_at timestamptz,
            recorded_at timestamptz
        )
        LEFT JOIN unnest(ids, users) AS known(id, onlyfans_user_id) ON known.onlyfans_user_id = user_id
    ), waiting AS (
        INSERT INTO onlyfans_unmatchedaggregate AS former (onlyfans_user_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint)
        SELECT DISTINCT ON (user_id, month, fingerprint) user_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint
        FROM incoming WHERE creator_id IS NULL
        ORDER BY user_id, month, fingerprint, {_ONE_A_VERSION}
        ON CONFLICT (onlyfans_user_id, month, fingerprint) DO UPDATE
        SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source
        WHERE {_IS_LATER}
    ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (creator_id, month, fingerprint) *,
            min(place) OVER (PARTITION BY creator_id, month, fingerprint) AS first_place
        FROM incoming WHERE creator_id IS NOT NULL
        ORDER BY creator_id, month, fingerprint, {_ONE_A_VERSION}
    ), kept AS MATERIALIZED (
        INSERT INTO onlyfans_earningsrevision AS former (creator_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint)
        SELECT creator_id, month, currency, parts, source, bucket, key, etag, sequencer, received_at, recorded_at,
            fingerprint
        FROM fresh
        ON CONFLICT (creator_id, month, fingerprint) DO UPDATE
        SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source
        WHERE {_IS_LATER}
        RETURNING *, xmax = 0 AS is_new
    ), pair AS (
        SELECT DISTINCT creator_id, month FROM fresh
    ), known AS MATERIALIZED (
        SELECT former.* FROM pair CROSS JOIN LATERAL (
            SELECT * FROM onlyfans_earningsrevision one
            WHERE one.creator_id = pair.creator_id AND one.month = pair.month OFFSET 0
        ) former
    ), version AS (
        SELECT id, creator_id, month, currency, parts, source, bucket, key, sequencer, received_at, fingerprint
        FROM kept
        UNION ALL
        SELECT id, creator_id, month, currency, parts, source, bucket, key, sequencer, received_at, fingerprint
        FROM known WHERE id NOT IN (SELECT id FROM kept)
    ), leader AS (
        -- Of each object its newest version by S3's order; beside it, what came without such an order.
        SELECT DISTINCT ON (creator_id, month, bucket, key, sequencer = '') * FROM version
        ORDER BY creator_id, month, bucket, key, sequencer = '', sequencer COLLATE "C" DESC, received_at DESC,
            fingerprint DESC
    ), standing AS MATERIALIZED (
        SELECT DISTINCT ON (creator_id, month) * FROM leader
        ORDER BY creator_id, month, received_at DESC, fingerprint DESC
    ), moved AS MATERIALIZED (
        SELECT standing.*, former.revision_id AS former_id FROM standing LEFT JOIN LATERAL (
            SELECT revision_id, received_at FROM onlyfans_earningsaggregate row
            WHERE row.creator_id = standing.creator_id AND row.month = standing.month LIMIT 1
        ) former ON true
        WHERE (former.revision_id, former.received_at) IS DISTINCT FROM (standing.id, standing.received_at)
    ), written AS (
        INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency,
            source, received_at, revision_id)
        SELECT moved.creator_id, moved.month, part.category, part.gross, part.net, moved.currency, moved.source,
            moved.received_at, moved.id
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
        ELSE 'unchanged' END
    FROM incoming
    LEFT JOIN fresh ON fresh.first_place = incoming.place
    LEFT JOIN kept ON kept.creator_id = incoming.creator_id AND kept.month = incoming.month
        AND kept.fingerprint = incoming.fingerprint
    LEFT JOIN standing ON standing.creator_id = incoming.creator_id AND standing.month = incoming.month
    LEFT JOIN moved ON moved.creator_id = incoming.creator_id AND moved.month = incoming.month
    ORDER BY incoming.place;
END $$;
"""  # noqa: S608 - constants

# What stands there already becomes a version of its own; a month in two currencies never was one.
ADOPT = """
WITH adopted AS (
    INSERT INTO onlyfans_earningsrevision (creator_id, month, currency, parts, source, bucket, key, etag, sequencer,
        received_at, fingerprint)
    SELECT creator_id, month, currency, parts, source, '', '', '', '', received_at,
        onlyfans_fingerprint('', '', '', source, currency, parts)
    FROM (
        SELECT creator_id, month, min(currency) AS currency, max(received_at) AS received_at,
            coalesce(nullif(max(source), ''), 'before') AS source,
            jsonb_object_agg(category, jsonb_build_array(gross_cents, net_cents)) AS parts
        FROM onlyfans_earningsaggregate GROUP BY creator_id, month
        HAVING count(DISTINCT currency) = 1 AND count(revision_id) = 0
    ) found
    RETURNING id, creator_id, month
)
UPDATE onlyfans_earningsaggregate row SET revision_id = adopted.id
FROM adopted WHERE adopted.creator_id = row.creator_id AND adopted.month = row.month;
"""
DROP = """
DROP FUNCTION onlyfans_ingest(jsonb);
DROP FUNCTION onlyfans_fingerprint(text, text, text, text, text, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("onlyfans", "0005_revisions")]
    operations = [
        migrations.RunSQL(FINGERPRINT + INGEST, DROP),
        migrations.RunSQL(ADOPT, migrations.RunSQL.noop),
    ]
