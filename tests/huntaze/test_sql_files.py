"""SQL functions and triggers: the files are what the database has, and a changed file needs a migration."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.state import ProjectState
from pytest import CaptureFixture, MonkeyPatch

from common.sql import LoadSQL, find_folder, hash_text, list_files

pytestmark = pytest.mark.django_db
ADD = "CREATE OR REPLACE FUNCTION probe_add(a int) RETURNS int LANGUAGE sql AS $$ SELECT a + {} $$;"


def list_ours() -> Iterator[tuple[str, Path]]:
    for config in apps.get_app_configs():
        for name, _ in list_files(config.label):
            yield config.label, find_folder(config.label) / name


def fetch(statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def test_each_function_and_trigger_of_the_database_is_in_a_file_named_after_it() -> None:
    functions = fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND NOT EXISTS "
        "(SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')"
    )
    files = list(list_ours())
    assert {name for (name,) in functions} == {path.stem for _, path in files if path.parent.name == "functions"}
    triggers = fetch(
        "SELECT DISTINCT relname, tgname, proname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal AND NOT relispartition"
    )
    assert len(triggers) > 15
    for table, trigger, function in triggers:
        app = str(function).partition("_")[0]
        text = (find_folder(app) / "triggers" / f"{table}.sql").read_text()
        assert f"TRIGGER {trigger} " in text, (table, trigger)


def test_a_second_load_changes_nothing() -> None:
    definitions = (
        "SELECT oid, pg_get_functiondef(oid) FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' ORDER BY oid"
    )
    before = fetch(definitions)
    with connection.cursor() as cursor:
        for _, path in list_ours():
            cursor.execute(path.read_text())
    assert fetch(definitions) == before


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: MonkeyPatch) -> Path:
    """Another place of an app, whose SQL is one function."""
    monkeypatch.setattr(apps.get_app_config("jobs"), "path", str(tmp_path))
    functions = tmp_path / "sql" / "functions"
    functions.mkdir(parents=True)
    (functions / "probe_add.sql").write_text(ADD.format(1))
    return functions


def load(text: str) -> None:
    state = ProjectState()
    with connection.schema_editor() as editor:
        LoadSQL({"functions/probe_add.sql": hash_text(text)}).database_forwards("jobs", editor, state, state)


def test_a_text_is_loaded_by_the_migration_that_means_it(folder: Path) -> None:
    load(ADD.format(1))
    assert fetch("SELECT probe_add(1)") == [(2,)]
    (folder / "probe_add.sql").write_text(ADD.format(2))
    load(ADD.format(1))
    assert fetch("SELECT probe_add(1)") == [(2,)], "the newer text is left to the newer migration"
    load(ADD.format(2))
    assert fetch("SELECT probe_add(1)") == [(3,)]


def test_a_file_that_no_migration_loads_is_named_with_what_to_type(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"No migration loads jobs/sql/functions/probe_add\.sql .* make_sql"):
        call_command("make_sql_migration", "--check")


def test_all_files_are_loaded_by_a_migration(capsys: CaptureFixture[str]) -> None:
    call_command("make_sql_migration", "--check")
    call_command("make_sql_migration")
    assert capsys.readouterr().out == ""
