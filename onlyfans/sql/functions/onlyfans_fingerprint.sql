-- Identifies a version of a month. Of immutable parts alone, for only then is it inlined into the calling statement, which
-- halves its time. That rules out convert_to; decoding a text with doubled backslashes gives the same bytes.
CREATE OR REPLACE FUNCTION onlyfans_fingerprint(bucket text, key text, etag text, source text, currency text, parts jsonb)
    RETURNS uuid
    LANGUAGE sql
    IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT encode(substring(sha256(decode(replace(
        quote_literal(bucket) || quote_literal(key) || quote_literal(etag)
            || CASE WHEN key = '' THEN quote_literal(source) ELSE '' END || currency || parts::text,
        '\', '\\'
    ), 'escape')) FOR 16), 'hex')::uuid
$function$;
