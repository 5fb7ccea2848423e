-- Writes an audit entry from its columns by name. Each column is taken out by itself, which takes less time than making a
-- row of all of them; and since it returns something, another function can call it without a statement of its own.
CREATE OR REPLACE FUNCTION accounts_write_audit_entry(entry jsonb)
    RETURNS bigint
    LANGUAGE plpgsql
AS $function$
DECLARE
    made bigint;
BEGIN
    INSERT INTO accounts_auditentry (at, actor_id, actor_name, verb, object_type, object_id, object_name, before,
        after, reason, door, address, request_id)
    VALUES ((entry ->> 'at')::timestamptz, (entry ->> 'actor_id')::bigint, entry ->> 'actor_name', entry ->> 'verb',
        entry ->> 'object_type', entry ->> 'object_id', entry ->> 'object_name', entry -> 'before', entry -> 'after',
        entry ->> 'reason', entry ->> 'door', (entry ->> 'address')::inet, entry ->> 'request_id')
    RETURNING id INTO made;
    RETURN made;
END $function$;
