"""SQL functions and triggers: one current text each in `<app>/sql/`, loaded by the app's migrations."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from django.apps import apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


def find_folder(app_label: str) -> Path:
    """Return where an app keeps its SQL."""
    return Path(apps.get_app_config(app_label).path) / "sql"


def list_files(app_label: str) -> Iterator[tuple[str, str]]:
    """List an app's SQL files with their hashes, functions before triggers."""
    folder = find_folder(app_label)
    for path in sorted(folder.glob("*/*.sql")):
        yield str(path.relative_to(folder)), hash_text(path.read_text())


def hash_text(text: str) -> str:
    """Hash what a file says."""
    return sha256(text.encode()).hexdigest()[:16]


class LoadSQL(Operation):
    """Load SQL files, each given with the hash of the text that this migration loads.

    The files are idempotent (`CREATE OR REPLACE`). One that has another text by now is left to a later migration, so
    that a new database gets each text once, when all it names is there. Going back changes nothing.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the models as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Run each file whose text is the one that is meant."""
        present = dict(list_files(app_label))
        for name, digest in self.files.items():
            if present.get(name) == digest:
                schema_editor.execute((find_folder(app_label) / name).read_text(), params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Change nothing: functions that nobody calls do no harm, and triggers go with their tables."""

    def describe(self) -> str:
        """Name the files."""
        return f"Load {', '.join(self.files)}"
