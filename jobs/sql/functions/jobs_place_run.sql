-- Writes a run together with the audit entry about it; both hold columns by name. Where another run has the slot or the
-- place, it writes nothing and returns no key.
CREATE OR REPLACE FUNCTION jobs_place_run(run jsonb, entry jsonb)
    RETURNS bigint
    LANGUAGE plpgsql
AS $function$
DECLARE
    made bigint;
BEGIN
    INSERT INTO jobs_jobrun (job, params, dry_run, slot, overlap_key, trigger, actor_id, reason, parent_id, mode, status, error,
        summary, expected, done, skipped, failed, created_at, started_at, finished_at, reported_at,
        cancel_requested_at, cancelled_by_id)
    SELECT job, params, dry_run, slot, overlap_key, trigger, actor_id, reason, parent_id, mode, status, error,
        summary, expected, done, skipped, failed, created_at, started_at, finished_at, reported_at,
        cancel_requested_at, cancelled_by_id
    FROM jsonb_populate_record(NULL::jobs_jobrun, run) given
    WHERE NOT EXISTS (
        SELECT FROM jobs_answeredslot answered WHERE answered.job = given.job AND answered.slot = given.slot
    )
    ON CONFLICT DO NOTHING RETURNING id INTO made;
    IF made IS NOT NULL AND entry IS NOT NULL THEN
        PERFORM accounts_write_audit_entry(entry || jsonb_build_object(
            'object_id', made::text, 'object_name', (entry ->> 'object_name') || made
        ));
    END IF;
    RETURN made;
END $function$;
