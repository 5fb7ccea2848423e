"""The files for other hosts: what they ring for is what the code declares, and what they run is what the docs say."""

import configparser
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.urls import resolve

from jobs.registry import get_job, list_jobs

ROOT = Path(__file__).resolve().parents[2]
INFRASTRUCTURE = ROOT / "infrastructure"
EVENTBRIDGE = (INFRASTRUCTURE / "eventbridge" / "template.yaml").read_text()
VERCEL = json.loads((INFRASTRUCTURE / "vercel" / "vercel.json").read_text())
NAMES = ["monthly-billing", "hourly-usage", "pull-earnings", "ingest-results", "analytics-snapshots"]
PROCESSES = re.findall(
    r"^\| (web|worker|beat) \|[^|]*\| `([^`]+)` \|$", (ROOT / "docs/operations.md").read_text(), re.M
)


def daily(name: str) -> str:
    """The times at which a job rings, those of billing's two schedules put together."""
    job = get_job(name)
    return "0 2 * * *" if job.more_schedules else job.schedule


def test_billing_s_schedules_put_together_ring_every_day() -> None:
    job = get_job("monthly-billing")
    assert (job.schedule, dict(job.more_schedules)) == ("0 2 1 * *", {"other-days": "0 2 2-31 * *"})


def test_vercel_rings_for_what_is_declared_and_hands_it_on() -> None:
    crons = {cron["path"]: cron["schedule"] for cron in VERCEL["crons"]}
    assert crons == {f"/api/cron/{name}": daily(name) for name in NAMES}
    [rewrite] = VERCEL["rewrites"]
    source = re.compile(rewrite["source"].replace(":name", "[^/]+"))
    for path in crons:
        assert source.fullmatch(path)
        assert get_job(resolve(path).kwargs["name"]).http
    assert rewrite["destination"].endswith(rewrite["source"])
    assert "trailingSlash" not in VERCEL


def test_eventbridge_rings_for_what_is_declared() -> None:
    names = re.findall(r"\$\{BaseUrl\}/api/cron/([a-z-]+)", EVENTBRIDGE)
    times = re.findall(r"ScheduleExpression: cron\((.+)\)", EVENTBRIDGE)
    assert names == NAMES
    # EventBridge wants a question mark for one of the days, and a year.
    assert times == [re.sub(r"\* \* \*$", "* * ? *", daily(name)) for name in names]
    assert all(get_job(name).http for name in names)


def test_every_job_with_a_schedule_and_an_address_is_among_them() -> None:
    declared = {job.name for job in list_jobs() if job.http and job.schedule}
    assert declared == set(NAMES)


@pytest.mark.parametrize("folder", ["eventbridge", "results"])
def test_the_templates_pass_the_linter(folder: str) -> None:
    command = [ROOT / ".venv/bin/cfn-lint", INFRASTRUCTURE / folder / "template.yaml"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""


def test_process_managers_run_what_the_docs_say() -> None:
    expected = {name: f"/opt/huntaze/{command}" for name, command in PROCESSES}
    assert set(expected) == {"web", "worker", "beat"}
    units = {}
    for name in expected:
        text = (INFRASTRUCTURE / "systemd" / f"huntaze-{name}.service").read_text()
        units[name] = re.findall(r"^ExecStart=(.*)$", text, re.M)[0]
    assert units == expected
    programs = configparser.ConfigParser(interpolation=None, comment_prefixes=(";",))
    programs.read(INFRASTRUCTURE / "supervisor" / "huntaze.conf")
    assert {name: programs[f"program:huntaze-{name}"]["command"] for name in expected} == expected


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's own tools")
def test_units_pass_systemd_s_own_check(tmp_path: Path) -> None:
    """With the checkout in the place of theirs: what a unit starts must be there."""
    units = []
    for unit in (INFRASTRUCTURE / "systemd").iterdir():
        text = unit.read_text().replace("/opt/huntaze", str(ROOT)).replace("User=huntaze", "User=root")
        units.append(tmp_path / unit.name)
        units[-1].write_text(text)
    ended = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert [line for line in ended.stderr.splitlines() if "huntaze" in line] == []


# scripts/call_cron


class Heard(BaseHTTPRequestHandler):
    """Writes down what it is asked."""

    seen: list[tuple[str, str, str, bytes]]
    status = 202

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = (self.path, self.headers["x-cron-secret"], self.headers["content-type"], body)
        type(self).seen.append(asked)
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"runId": 7}')

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def office() -> Iterator[str]:
    """A back office that only listens."""
    Heard.seen, Heard.status = [], 202
    with HTTPServer(("127.0.0.1", 0), Heard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def call_cron(office: str, *names: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "BASE_URL": f"{office}/", "CRON_SECRET": "first,second"}
    command = [str(ROOT / "scripts" / "call_cron"), *names]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_script_asks_for_the_present_minute(office: str) -> None:
    ended = call_cron(office, "monthly-billing")
    assert (ended.returncode, ended.stdout) == (0, '{"runId": 7}\n')
    [(path, secret, kind, body)] = Heard.seen
    assert (path, secret, kind) == ("/api/cron/monthly-billing", "first", "application/json")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", json.loads(body)["time"])


def test_the_script_fails_where_the_office_refuses_and_never_prints_the_secret(office: str) -> None:
    Heard.status = 403
    ended = call_cron(office, "hourly-usage")
    assert ended.returncode != 0
    assert len(Heard.seen) == 1
    assert "first" not in ended.stdout + ended.stderr


def test_the_script_wants_a_job(office: str) -> None:
    ended = call_cron(office)
    assert ended.returncode != 0
    assert "name the job" in ended.stderr
    assert Heard.seen == []


def test_the_web_server_is_reached_by_the_proxy_alone_which_reads_bodies_whole() -> None:
    proxy = (INFRASTRUCTURE / "nginx" / "huntaze.conf").read_text()
    assert re.findall(r"^ *(?:proxy_request_buffering|client_\w+_timeout) (\w+);$", proxy, re.M) == [
        "10s",
        "10s",
        "10s",
        "on",
    ]
    assert re.findall(r"^ *server ([\d.:]+);$", proxy, re.M) == ["127.0.0.1:8000"]
    for file in ("systemd/huntaze-web.service", "supervisor/huntaze.conf"):
        assert "--host 127.0.0.1 --port 8000" in (INFRASTRUCTURE / file).read_text()
