"""The embedded servers: started once, found again, and not hindered by what a kill -9 leaves."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from huntaze import embedded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def module_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data_dir = tmp_path_factory.mktemp("embedded")
    yield data_dir
    embedded.reset(data_dir)


@pytest.fixture
def data_dir(module_data_dir: Path) -> Path:
    """Servers that run, with a row and a key that must survive whatever a test does."""
    addresses = embedded.ensure(module_data_dir)
    with psycopg.connect(addresses.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int PRIMARY KEY)")
        connection.execute("INSERT INTO kept VALUES (42) ON CONFLICT DO NOTHING")
    client = redis.Redis.from_url(addresses.redis_url)
    client.set("kept", "42")
    client.waitaof(1, 0, 5000)
    return module_data_dir


def kept(addresses: embedded.Addresses) -> tuple[list[tuple[int, ...]], bytes | None]:
    with psycopg.connect(addresses.database_url) as connection:
        rows = connection.execute("SELECT value FROM kept").fetchall()
    value = redis.Redis.from_url(addresses.redis_url).get("kept")
    assert value is None or isinstance(value, bytes)
    return rows, value


KEPT = ([(42,)], b"42")


def postgres_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0])


def valkey_pid(data_dir: Path) -> int:
    return int((data_dir / "valkey/server.pid").read_text())


def kill_both(data_dir: Path) -> None:
    for pid in (postgres_pid(data_dir), valkey_pid(data_dir)):
        process = os.pidfd_open(pid)
        signal.pidfd_send_signal(process, signal.SIGKILL)
        assert select.select([process], [], [], 10)[0], "it did not end"
        os.close(process)
    for server in embedded.status(data_dir):
        assert not server.is_running


def run(data_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "huntaze.embedded", *arguments, "--data-dir", str(data_dir)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


def test_addresses_are_chosen_once_and_start_nothing(tmp_path: Path) -> None:
    first = embedded.addresses(tmp_path)

    assert embedded.addresses(tmp_path) == first
    assert port_of(first.database_url) != port_of(first.redis_url)
    assert [server.is_running for server in embedded.status(tmp_path)] == [False, False]
    assert not (tmp_path / "postgres").exists()
    assert not (tmp_path / "valkey").exists()


def test_processes_that_ask_at_once_agree_on_the_addresses(tmp_path: Path) -> None:
    answers = {process.communicate()[0] for process in [run(tmp_path, "url") for _ in range(4)]}

    assert len(answers) == 1
    expected = embedded.addresses(tmp_path)
    assert answers.pop() == f"DATABASE_URL={expected.database_url}\nREDIS_URL={expected.redis_url}\n"


def test_a_damaged_port_file_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"postgres": "nonsen')

    first = embedded.addresses(tmp_path)

    assert embedded.addresses(tmp_path) == first


def test_ensuring_twice_starts_nothing_twice(data_dir: Path) -> None:
    before = postgres_pid(data_dir), valkey_pid(data_dir)

    addresses = embedded.ensure(data_dir)

    assert (postgres_pid(data_dir), valkey_pid(data_dir)) == before
    assert addresses == embedded.addresses(data_dir)
    assert kept(addresses) == KEPT


def test_both_listen_on_loopback_only_and_commit_to_the_disk(data_dir: Path) -> None:
    addresses = embedded.addresses(data_dir)

    with psycopg.connect(addresses.database_url) as connection:
        names = ("listen_addresses", "unix_socket_directories", "fsync", "synchronous_commit", "timezone")
        values = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names]
    assert values == [("127.0.0.1",), ("",), ("on",), ("on",), ("UTC",)]
    configuration = redis.Redis.from_url(addresses.redis_url, decode_responses=True).config_get("*")
    assert configuration["bind"] == "127.0.0.1"
    assert configuration["appendonly"] == "yes"
    assert configuration["maxmemory-policy"] == "noeviction"


def test_processes_that_start_at_once_start_one_server_each(data_dir: Path) -> None:
    embedded.stop(data_dir)

    processes = [run(data_dir, "start") for _ in range(4)]
    outputs = {process.communicate()[0] for process in processes}

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert len(outputs) == 1
    assert outputs.pop().count("running") == 2
    assert kept(embedded.addresses(data_dir)) == KEPT


def test_data_and_addresses_survive_a_stop(data_dir: Path) -> None:
    before = embedded.addresses(data_dir)
    pids = postgres_pid(data_dir), valkey_pid(data_dir)

    embedded.stop(data_dir)

    assert [server.is_running for server in embedded.status(data_dir)] == [False, False]
    for pid in pids:
        assert not is_alive(pid)
    assert embedded.ensure(data_dir) == before
    assert kept(before) == KEPT


def test_data_survive_a_kill(data_dir: Path) -> None:
    open_session = psycopg.connect(embedded.addresses(data_dir).database_url)
    open_session.execute("DELETE FROM kept")  # never committed
    kill_both(data_dir)

    addresses = embedded.ensure(data_dir)

    assert kept(addresses) == KEPT
    open_session.close()


def test_a_pid_file_that_names_a_stranger_is_no_hindrance(data_dir: Path) -> None:
    kill_both(data_dir)
    pid_file = data_dir / "postgres/data/postmaster.pid"
    lines = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    addresses = embedded.ensure(data_dir)

    assert kept(addresses) == KEPT


def test_a_port_that_a_stranger_took_is_given_up(data_dir: Path) -> None:
    before = embedded.addresses(data_dir)
    kill_both(data_dir)
    strangers = [socket.create_server(("127.0.0.1", port_of(url))) for url in (before.database_url, before.redis_url)]
    try:
        chosen = embedded.addresses(data_dir)
        after = embedded.ensure(data_dir)
    finally:
        for stranger in strangers:
            stranger.close()

    assert after == chosen
    assert after.database_url != before.database_url
    assert after.redis_url != before.redis_url
    assert kept(after) == KEPT


def test_half_made_data_are_made_anew(tmp_path: Path) -> None:
    embedded.ensure(tmp_path)
    embedded.stop(tmp_path)
    data = tmp_path / "postgres/data"
    data.resolve().rename(data.resolve().with_name("data.new"))
    try:
        with psycopg.connect(embedded.ensure(tmp_path).database_url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("huntaze",)
    finally:
        home = (tmp_path / "postgres").resolve()
        embedded.reset(tmp_path)
    assert not home.exists()
    assert not (tmp_path / "postgres").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for PostgreSQL")
def test_as_root_the_server_is_not_root_and_reaches_its_data_below_a_private_directory(data_dir: Path) -> None:
    # pytest's temporary directories are 0700: nobody but root gets there.
    assert (data_dir / "postgres").is_symlink()
    assert Path(f"/proc/{postgres_pid(data_dir)}").stat().st_uid != 0


def test_another_version_of_postgresql_is_told_apart(data_dir: Path) -> None:
    embedded.stop(data_dir)
    version = data_dir / "postgres/data/PG_VERSION"
    found = version.read_text()
    version.write_text("9\n")
    try:
        process = run(data_dir, "start")
        output, error = process.communicate()
    finally:
        version.write_text(found)

    assert process.returncode == 1
    assert "was made by PostgreSQL 9" in error
    assert "make reset" in error
    assert "Traceback" not in output + error


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    process = run(tmp_path, "restart")
    _, error = process.communicate()

    assert process.returncode == 2
    assert "invalid choice: 'restart'" in error
    assert list(tmp_path.iterdir()) == []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
