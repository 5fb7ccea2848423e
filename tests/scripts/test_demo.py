"""The demo's runner: no process outlives it, and its S3 forgets nothing."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from scripts.demo.__main__ import listens
from scripts.demo.holding import end_running, only_demo
from scripts.demo.processes import MARK, DemoError, Processes, end_leftovers

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
SLEEPER = [sys.executable, "-c", SLEEP]


@pytest.fixture
def processes() -> Iterator[Processes]:
    started = Processes(dict(os.environ))
    yield started
    started.stop()


class Storage:
    """The demo's S3 as the demo runs it: a process, a port and a file."""

    def __init__(self, file: Path, processes: Processes) -> None:
        self.file = file
        self.processes = processes
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]

    def start(self) -> S3Client:
        command = [sys.executable, "-m", "scripts.demo.storage", "--port", str(self.port), "--file", str(self.file)]
        self.processes.start("storage", command, log=self.file.with_suffix(".log"))
        self.processes.wait_until(lambda: listens(self.port), "storage")
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="demo",
            aws_secret_access_key="demo",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def restart(self) -> S3Client:
        self.processes.stop()
        return self.start()


def wait_for_end(pid: int) -> None:
    """Return when the process has ended; fail when it doesn't."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([process], [], [], 20)[0], f"process {pid} goes on"
    os.close(process)


def test_objects_survive_a_restart_as_they_last_were(tmp_path: Path, processes: Processes) -> None:
    storage = Storage(tmp_path / "s3.sqlite3", processes)
    s3 = storage.start()
    s3.create_bucket(Bucket="invoices")
    for key in ("2026/10/Zoë & 愛+1.pdf", "replaced", "deleted", "deleted together"):
        s3.put_object(Bucket="invoices", Key=key, Body=b"%PDF \x00\xff", ContentType="application/pdf")
    s3.put_object(Bucket="invoices", Key="replaced", Body=b"second", Metadata={"sha256": "ab12"})
    s3.delete_object(Bucket="invoices", Key="deleted")
    s3.delete_objects(Bucket="invoices", Delete={"Objects": [{"Key": "deleted together"}]})

    s3 = storage.restart()

    found = s3.list_objects_v2(Bucket="invoices")["Contents"]
    assert [item["Key"] for item in found] == ["2026/10/Zoë & 愛+1.pdf", "replaced"]
    invoice = s3.get_object(Bucket="invoices", Key="2026/10/Zoë & 愛+1.pdf")
    assert (invoice["Body"].read(), invoice["ContentType"]) == (b"%PDF \x00\xff", "application/pdf")
    replaced = s3.get_object(Bucket="invoices", Key="replaced")
    assert (replaced["Body"].read(), replaced["Metadata"]) == (b"second", {"sha256": "ab12"})


def test_a_refused_request_leaves_nothing(tmp_path: Path, processes: Processes) -> None:
    storage = Storage(tmp_path / "s3.sqlite3", processes)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        storage.start().put_object(Bucket="nowhere", Key="a", Body=b"a")

    assert storage.restart().list_buckets()["Buckets"] == []


def test_nobody_waits_to_store_until_a_queue_has_messages(tmp_path: Path, processes: Processes) -> None:
    storage = Storage(tmp_path / "s3.sqlite3", processes)
    s3 = storage.start()
    s3.create_bucket(Bucket="invoices")
    sqs = boto3.client(
        "sqs",
        endpoint_url=f"http://127.0.0.1:{storage.port}",
        region_name="us-east-1",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
    )
    queue = sqs.create_queue(QueueName="results")["QueueUrl"]
    with ThreadPoolExecutor(1) as threads:
        heard = threads.submit(sqs.receive_message, QueueUrl=queue, WaitTimeSeconds=20)
        try:
            # More than one, for the first may come before the queue is asked.
            for number in range(20):
                s3.put_object(Bucket="invoices", Key=str(number), Body=b"a")
            assert not heard.done()
        finally:
            sqs.send_message(QueueUrl=queue, MessageBody="the end")
        assert heard.result()["Messages"][0]["Body"] == "the end"


def test_lines_carry_the_name_of_their_process_and_an_end_is_noticed(
    processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.start("web", [sys.executable, "-c", "import sys; print('one'); print('two'); sys.exit(3)"])

    with pytest.raises(DemoError, match=r"^web ended by itself, with status 3\.$"):
        processes.wait_until(lambda: False, "never")

    assert capsys.readouterr().out == "web    | one\nweb    | two\n"


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999"])
def test_a_port_that_is_none_is_refused_in_a_line(port: str) -> None:
    command = [sys.executable, "-m", "scripts.demo", f"--port={port}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = f"demo: There is no port {port}; choose one from 1 to 65535: make demo PORT=8000\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)


def test_stopping_ends_the_children_of_children(processes: Processes, capsys: pytest.CaptureFixture[str]) -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
    processes.start("worker", [sys.executable, "-c", parent])
    printed: list[str] = []

    def has_printed() -> bool:
        printed.extend(re.findall(r"worker \| (\d+)\n", capsys.readouterr().out))
        return bool(printed)

    processes.wait_until(has_printed, "worker")
    processes.stop()

    wait_for_end(int(printed[0]))


def test_processes_die_with_a_killed_runner() -> None:
    runner = f"""
import os
from scripts.demo.holding import end_running, only_demo
from scripts.demo.processes import Processes
processes = Processes(dict(os.environ))
processes.start("web", {SLEEPER!r})
processes.wait_until(lambda: False, "never", seconds=600)
"""
    process = subprocess.Popen([sys.executable, "-c", runner], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    child = int(process.stdout.readline().removeprefix("web    | "))

    process.send_signal(signal.SIGKILL)
    process.communicate()

    wait_for_end(child)


def test_leftovers_are_ended_and_strangers_left_alone(tmp_path: Path) -> None:
    ours, theirs = (
        subprocess.Popen(SLEEPER, env={**os.environ, MARK: mark}, stdout=subprocess.PIPE, text=True)
        for mark in (str(tmp_path), f"{tmp_path}-other")
    )
    for process in (ours, theirs):
        assert process.stdout
        process.stdout.readline()

    assert end_leftovers(str(tmp_path)) == [ours.pid]

    assert ours.wait(10) == -signal.SIGTERM
    assert theirs.poll() is None
    theirs.kill()
    theirs.communicate()
    ours.communicate()
    assert end_leftovers(str(tmp_path)) == []


def hold(data_dir: Path, command: str) -> "subprocess.Popen[str]":
    """Run what holds a demo's lock, in a process of its own whose parent may be killed without it."""
    holder = f"""
import os, signal, time
from pathlib import Path
from scripts.demo.holding import only_demo
{command}
with only_demo(Path({str(data_dir)!r}), 8123):
    print(os.getpid(), flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", holder], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == f"{process.pid}\n"
    return process


def test_a_second_demo_names_the_first_and_says_how_to_end_it(tmp_path: Path) -> None:
    first = hold(tmp_path, "")
    said = f"^A demo of this checkout is already running: process {first.pid} on port 8123. End it with: make stop$"
    with pytest.raises(DemoError, match=said), only_demo(tmp_path, 8124):
        pass
    assert first.poll() is None
    first.kill()
    first.communicate()


def test_stopping_names_the_demo_that_runs_and_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = hold(tmp_path, "")
    end_running(tmp_path)
    assert capsys.readouterr().out == f"demo: ending process {first.pid} on port 8123\n"
    assert first.wait(10) == -signal.SIGTERM
    first.communicate()
    end_running(tmp_path)
    end_running(tmp_path / "never used")
    assert (capsys.readouterr().out, (tmp_path / "never used").exists()) == ("", False)


def test_a_demo_that_does_not_end_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.demo.holding._ENDS_WITHIN_SECONDS", 0.5)
    first = hold(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    end_running(tmp_path)
    assert first.wait(10) == -signal.SIGKILL
    first.communicate()
    with only_demo(tmp_path, 8123):
        assert "running" not in capsys.readouterr().out


def test_what_a_killed_demo_left_is_named_and_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = subprocess.Popen(SLEEPER, env={**os.environ, MARK: str(tmp_path)}, stdout=subprocess.PIPE, text=True)
    assert left.stdout
    left.stdout.readline()
    with only_demo(tmp_path, 8123):
        assert capsys.readouterr().out == f"demo: ended process {left.pid}, left by a demo that was killed\n"
    assert left.wait(10) == -signal.SIGTERM
    left.communicate()
