"""Write the migrations that load SQL files, or check that there are some."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db.migrations.loader import MigrationLoader

from common.commands import OneLineCommand
from common.sql import LoadSQL, list_files

_TEXT = '''"""Load the SQL that has changed."""

from django.db import migrations

from common.sql import LoadSQL


class Migration(migrations.Migration):
    dependencies = [("{app}", "{before}")]
    operations = [
        LoadSQL(
            {{
{files}
            }}
        )
    ]
'''


class Command(OneLineCommand):
    """Compares `<app>/sql/` with what the migrations load."""

    help = "Write a migration for each app whose SQL files are in none, or are in one with another text."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether to look only."""
        parser.add_argument(
            "--check", action="store_true", help="write nothing, and end with status 1 where one is missing"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        """Write what is missing, or say what to type."""
        loader = MigrationLoader(None, ignore_no_migrations=True)
        for config in apps.get_app_configs():
            missing = {
                name: digest
                for name, digest in list_files(config.label)
                if (name, digest) not in set(_list_loaded(loader, config.label))
            }
            if missing and check:
                names = ", ".join(f"{config.label}/sql/{name}" for name in missing)
                raise CommandError(f"No migration loads {names} as it is now. Type: manage.py make_sql_migration")
            if missing:
                self.stdout.write(f"Written: {_write(loader, config.label, Path(config.path), missing)}")


def _list_loaded(loader: MigrationLoader, app: str) -> Iterator[tuple[str, str]]:
    for (label, _), migration in loader.disk_migrations.items():
        if label == app:
            for operation in migration.operations:
                if isinstance(operation, LoadSQL):
                    yield from operation.files.items()


def _write(loader: MigrationLoader, app: str, folder: Path, missing: dict[str, str]) -> Path:
    (before,) = loader.graph.leaf_nodes(app)
    number = int(re.match(r"\d+", before[1]).group()) + 1  # type: ignore[union-attr]  # our names begin with a number
    what = f"_{Path(next(iter(missing))).stem}" if len(missing) == 1 else ""
    path = folder / "migrations" / f"{number:04d}_sql{what}.py"
    files = "\n".join(f'                "{name}": "{digest}",' for name, digest in missing.items())
    path.write_text(_TEXT.format(app=app, before=before[1], files=files))
    return path
