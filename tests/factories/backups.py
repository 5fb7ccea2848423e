"""Backups: billing's tables as they were, put back as a restored database has them, counters and sequences too."""

from django.apps import apps
from django.db import connection


def _list_tables() -> dict[str, str]:
    models = apps.get_app_config("billing").get_models()
    return {model._meta.db_table: str(model._meta.pk.column) for model in models}


def _list_columns(table: str) -> str:
    """List the columns that are written; the others are computed from them."""
    (model,) = (one for one in apps.get_app_config("billing").get_models() if one._meta.db_table == table)
    return ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields if not field.generated)


def take_backup() -> None:
    """Keep billing's tables as they are now."""
    with connection.cursor() as cursor:
        for table in _list_tables():
            cursor.execute(f"DROP TABLE IF EXISTS pg_temp.backup_{table}")
            cursor.execute(f"CREATE TEMPORARY TABLE backup_{table} AS TABLE {table}")


def restore_backup() -> None:
    """Put them back, past the guards as a restore does: what was written since is gone, and its ids are given again."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        for table, key in _list_tables().items():
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            columns = _list_columns(table)
            cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM backup_{table}")  # noqa: S608
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, key])
            if sequence := cursor.fetchone()[0]:
                cursor.execute(f"SELECT setval(%s, (SELECT coalesce(max(id), 0) + 1 FROM {table}), false)", [sequence])  # noqa: S608
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
