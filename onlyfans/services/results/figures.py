"""What is known of creators: of each kind what the newest result file tells, whichever was read last."""

from collections.abc import Iterable

from django.db import connection

type Subject = tuple[str, str]

_LOCK = """
    SELECT pg_advisory_xact_lock(hashtextextended(name, 4711))
    FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(name, place) ORDER BY place
"""
# Which file is the newest follows from the files themselves, so that any order of reading ends in the same figures.
_WRITE = """
    WITH subject AS (SELECT * FROM unnest(%s::text[], %s::text[]) AS subject(user_id, kind)),
    newest AS (
        SELECT subject.user_id, subject.kind, file.id, file.figures, file.observed_at,
            's3://' || file.bucket || '/' || file.key AS source
        FROM subject CROSS JOIN LATERAL (
            SELECT * FROM onlyfans_resultfile file
            WHERE file.user_id = subject.user_id AND file.kind = subject.kind AND file.status = 'done'
                AND file.figures IS NOT NULL
            ORDER BY observed_at DESC, written_at DESC, bucket DESC, key DESC LIMIT 1
        ) file
    ),
    gone AS (
        DELETE FROM onlyfans_creatorfigures known USING subject
        WHERE known.user_id = subject.user_id AND known.kind = subject.kind AND NOT EXISTS (
            SELECT FROM newest WHERE newest.user_id = known.user_id AND newest.kind = known.kind
                AND newest.figures ? known.metric
        )
    )
    INSERT INTO onlyfans_creatorfigures AS known (user_id, metric, kind, value, text, observed_at, source, file_id)
    SELECT newest.user_id, told.metric, newest.kind,
        CASE jsonb_typeof(told.value) WHEN 'number' THEN told.value::bigint END,
        CASE jsonb_typeof(told.value) WHEN 'string' THEN told.value #>> '{}' ELSE '' END,
        newest.observed_at, newest.source, newest.id
    FROM newest CROSS JOIN LATERAL jsonb_each(newest.figures) AS told(metric, value)
    ORDER BY newest.user_id, told.metric
    ON CONFLICT (user_id, metric) DO UPDATE SET kind = excluded.kind, value = excluded.value, text = excluded.text,
        observed_at = excluded.observed_at, source = excluded.source, file_id = excluded.file_id
    WHERE known.file_id IS DISTINCT FROM excluded.file_id OR known.observed_at <> excluded.observed_at
"""


def lock(names: Iterable[str]) -> None:
    """Keep others off what these names stand for until the transaction ends."""
    with connection.cursor() as cursor:
        # In one order everywhere: nobody waits for somebody who waits for them.
        cursor.execute(_LOCK, [sorted(set(names))])


def write_figures(subjects: Iterable[Subject]) -> None:
    """Write what is known of creators by kind, as the newest of the files that are done tells it; under their locks."""
    wanted = sorted(set(subjects))
    if wanted:
        users, kinds = zip(*wanted, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [list(users), list(kinds)])
