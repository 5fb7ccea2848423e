"""Let the database take in a single row by a way of its own, and a call together with its audit entry."""

from importlib import import_module

from django.db import migrations

former = import_module("onlyfans.migrations.0011_corrections")
IS_LATER: str = former.IS_LATER
# The same version from another source is told, too, which the first text of this function left out.
MANY: str = former.INGEST

# What `onlyfans_ingest` does for many rows at once, in small steps: for one row, starting the large statement and its
# many joins takes longer than the work.
ONE = f"""
CREATE FUNCTION onlyfans_ingest_one(given jsonb) RETURNS text
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    row record;
    creator bigint;
    print uuid;
    is_new boolean;
    standing record;
    projected record;
BEGIN
    SELECT * INTO row FROM jsonb_to_record(given) AS one(
        user_id text, month date, currency text, parts jsonb, source text, bucket text, key text, etag text,
        sequencer text, received_at timestamptz, recorded_at timestamptz
    );
    print := onlyfans_fingerprint(row.bucket, row.key, row.etag, row.source, row.currency, row.parts);
    -- What follows sees what others committed before.
    SELECT id INTO creator FROM onlyfans_creatoraccount WHERE onlyfans_user_id = row.user_id FOR NO KEY UPDATE;
    IF creator IS NULL THEN
        INSERT INTO onlyfans_unmatchedaggregate AS former (onlyfans_user_id, month, currency, parts, source,
            bucket, key, etag, sequencer, received_at, recorded_at, fingerprint)
        VALUES (row.user_id, row.month, row.currency, row.parts, row.source,
            row.bucket, row.key, row.etag, row.sequencer, row.received_at, row.recorded_at, print)
        ON CONFLICT (onlyfans_user_id, month, fingerprint) DO UPDATE
        -- Whoever sends again what was dismissed means it.
        SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source,
            dismissed_at = NULL, dismissed_reason = ''
        WHERE {IS_LATER};
        RETURN 'unmatched';
    END IF;
    IF given ? 'answers' OR EXISTS (
        SELECT FROM onlyfans_earningsrevision version
        WHERE version.creator_id = creator AND version.month = row.month AND answers IS NOT NULL
    ) THEN
        -- Few months are corrected by staff.
        RETURN (SELECT one.outcome FROM onlyfans_ingest(jsonb_build_array(given)) one);
    END IF;

    INSERT INTO onlyfans_earningsrevision AS former (creator_id, month, currency, parts, source,
        bucket, key, etag, sequencer, received_at, recorded_at, fingerprint)
    VALUES (creator, row.month, row.currency, row.parts, row.source,
        row.bucket, row.key, row.etag, row.sequencer, row.received_at, row.recorded_at, print)
    ON CONFLICT (creator_id, month, fingerprint) DO UPDATE
    SET sequencer = excluded.sequencer, received_at = excluded.received_at, source = excluded.source
    WHERE {IS_LATER}
    RETURNING xmax = 0 INTO is_new;

    -- Of each object its newest version by S3's order; beside it, what came without such an order.
    SELECT leader.* INTO standing FROM (
        SELECT DISTINCT ON (bucket, key, sequencer = '') * FROM onlyfans_earningsrevision version
        WHERE version.creator_id = creator AND version.month = row.month
        ORDER BY bucket, key, sequencer = '', sequencer COLLATE "C" DESC, received_at DESC, fingerprint DESC
    ) leader ORDER BY leader.received_at DESC, leader.fingerprint DESC LIMIT 1;
    SELECT revision_id, received_at, source INTO projected FROM onlyfans_earningsaggregate stood
    WHERE stood.creator_id = creator AND stood.month = row.month LIMIT 1;

    IF (projected.revision_id, projected.received_at, projected.source)
        IS DISTINCT FROM (standing.id, standing.received_at, standing.source)
    THEN
        INSERT INTO onlyfans_earningsaggregate (creator_id, month, category, gross_cents, net_cents, currency,
            source, received_at, revision_id)
        SELECT creator, row.month, part.category, part.gross, part.net, standing.currency, standing.source,
            standing.received_at, standing.id
        FROM (
            SELECT one.key AS category, (one.value ->> 0)::bigint AS gross, (one.value ->> 1)::bigint AS net
            FROM jsonb_each(standing.parts) one
            UNION ALL
            -- What is gone becomes zero: late data is found by change, and what is deleted changes no more.
            SELECT gone.category, 0, 0 FROM onlyfans_earningsaggregate gone
            WHERE gone.creator_id = creator AND gone.month = row.month AND NOT standing.parts ? gone.category
        ) part
        ON CONFLICT (creator_id, month, category) DO UPDATE
        SET gross_cents = excluded.gross_cents, net_cents = excluded.net_cents, currency = excluded.currency,
            source = excluded.source, received_at = excluded.received_at, revision_id = excluded.revision_id;
    END IF;
    RETURN CASE
        WHEN standing.fingerprint = print AND projected.revision_id IS NULL THEN 'created'
        WHEN standing.fingerprint = print AND projected.revision_id <> standing.id THEN 'updated'
        WHEN is_new AND standing.fingerprint <> print THEN 'stale'
        ELSE 'unchanged' END;
END $$;
"""  # noqa: S608 - constants

# The entry says how many rows had which outcome, beside what it said before; a call that changed nothing leaves none.
CALL = """
CREATE FUNCTION onlyfans_ingest_rows(given jsonb) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_array_length(given) = 1 THEN
        RETURN ARRAY[onlyfans_ingest_one(given -> 0)];
    END IF;
    RETURN (SELECT array_agg(one.outcome ORDER BY one.place) FROM onlyfans_ingest(given) one);
END $$;
CREATE FUNCTION onlyfans_ingest_call(given jsonb, entry jsonb) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    outcomes text[] := onlyfans_ingest_rows(given);
BEGIN
    IF array_remove(outcomes, 'unchanged') <> '{}' THEN
        PERFORM accounts_write_audit_entry(jsonb_set(entry, '{after,earnings}', entry #> '{after,earnings}' || (
            SELECT jsonb_object_agg(one.outcome, one.count)
            FROM (SELECT outcome, count(*) FROM unnest(outcomes) outcome GROUP BY outcome) one
        )));
    END IF;
    RETURN outcomes;
END $$;
"""
DROP = """
DROP FUNCTION onlyfans_ingest_call(jsonb, jsonb);
DROP FUNCTION onlyfans_ingest_rows(jsonb);
DROP FUNCTION onlyfans_ingest_one(jsonb);
"""

# A reference that is checked when the transaction ends is looked up by a plan of its own, made without the functions'
# settings: in a session that began while the table was empty, by reading all of it for each row.
_REFERENCES = {
    "onlyfans_earningsrevision": ["onlyfans_earningsrev_creator_id_a3be32a4_fk_onlyfans_"],
    "onlyfans_earningsaggregate": [
        "onlyfans_earningsagg_creator_id_4bffc6c0_fk_onlyfans_",
        "onlyfans_earningsagg_revision_id_7502b58b_fk_onlyfans_",
    ],
}


def _check_references(when: str) -> str:
    return "".join(
        f"ALTER TABLE {table} ALTER CONSTRAINT {name} DEFERRABLE INITIALLY {when};"
        for table, names in _REFERENCES.items()
        for name in names
    )


class Migration(migrations.Migration):
    dependencies = [("onlyfans", "0012_dismissing"), ("accounts", "0007_write_entry")]
    operations = [
        migrations.RunSQL(MANY + ONE + CALL, DROP),
        migrations.RunSQL(_check_references("IMMEDIATE"), _check_references("DEFERRED")),
    ]
