"""Reads of the audit trail."""

from django.db import connection

_KINDS = {
    column: f"""
        WITH RECURSIVE found(kind) AS (
            (SELECT {column} FROM accounts_auditentry ORDER BY {column} LIMIT 1)
            UNION ALL
            SELECT (SELECT {column} FROM accounts_auditentry WHERE {column} > found.kind ORDER BY {column} LIMIT 1)
            FROM found WHERE found.kind IS NOT NULL
        )
        SELECT kind FROM found WHERE kind IS NOT NULL AND kind <> ''
    """  # noqa: S608 - the columns are named below
    for column in ("verb", "object_type")
}


def list_audited_verbs() -> list[str]:
    """List the verbs that entries have, from index entry to index entry, however many entries there are."""
    return _list_kinds("verb")


def list_audited_types() -> list[str]:
    """List the kinds of things that entries are about."""
    return _list_kinds("object_type")


def _list_kinds(column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_KINDS[column])
        return [kind for (kind,) in cursor.fetchall()]
