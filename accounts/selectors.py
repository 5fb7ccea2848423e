"""Reads of the audit trail, and of who may do what."""

from collections import defaultdict

from django.contrib.auth.models import Group
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


def list_groups_by_permission() -> dict[str, list[str]]:
    """List the names of the groups that have each permission, like `billing.approve_invoice`."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    granted = Group.objects.filter(permissions__isnull=False).order_by("name")
    for name, app, codename in granted.values_list(
        "name", "permissions__content_type__app_label", "permissions__codename"
    ):
        found[f"{app}.{codename}"].append(name)
    return found
