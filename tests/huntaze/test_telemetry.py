"""Traces and reports of errors: sent to whom the environment names, without secrets; nothing where it names nobody."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from common import tracing
from huntaze.telemetry import wants_traces
from tests.commandline import ROOT, start_program
from tests.huntaze.receiver import Receiver, receiving

SECRET = "sk_live_51Hplanted"
KNOWN = "planted-cron-secret-7d1f"
ANSWER = """
import logging, django
django.setup()
from django.test import Client
from common.tracing import span
from common.trail import bound
client = Client(headers={{"Host": "localhost"}})
client.get("/api/nowhere?token={secret}")
client.get("/healthz")
with bound(run=7, job="monthly-billing"):
    try:
        with span("step stripe", item="org_1"):
            raise RuntimeError("refused {secret} and {known}")
    except RuntimeError:
        logging.getLogger("tested").exception("It failed with %s", "{known}")
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


CALL = """
import logging, django
django.setup()
import httpx, requests
from common.trail import bound
try:
    with bound(run=8):
        requests.post("http://ann:{secret}@localhost:{port}/hooks/{path}?key={query}", timeout=5)
        httpx.post("http://localhost:{port}/hooks/{path}?key={query}", timeout=5)
        raise RuntimeError("after calling")
except RuntimeError:
    logging.getLogger("tested").exception("It failed")
"""


def _answer_and_fail(code: str = "", **variables: str) -> str:
    """Let a process of its own answer a request, and fail at something."""
    code = code or ANSWER.format(secret=SECRET, known=KNOWN)
    server = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    database = {"DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}", "CRON_SECRET": KNOWN}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **database, **variables}, capture_output=True,
        text=True, timeout=120, check=True,
    )  # fmt: skip
    return ended.stderr


def _spans(receiver: Receiver) -> dict[str, dict[str, Any]]:
    """What came by the name of the span: attributes, with those of its resource and its events."""
    found: dict[str, dict[str, Any]] = {}
    for path, body in receiver.bodies:
        assert path == "/v1/traces"
        for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _values(batch.resource.attributes)
            for span in (span for scope in batch.scope_spans for span in scope.spans):
                events = [_values(event.attributes) for event in span.events]
                found[span.name] = {
                    "id": span.span_id, "parent": span.parent_span_id, "trace": span.trace_id,
                    "service": resource["service.name"], "events": events, **_values(span.attributes),
                }  # fmt: skip
    return found


def _values(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in attributes}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_SERVICE_NAME": "huntaze"}, False),
    ],
)
def test_the_standard_variables_switch_traces_on(environment: dict[str, str], wanted: bool) -> None:
    assert wants_traces(environment) is wanted


def test_where_nobody_is_named_there_is_nothing() -> None:
    costly = ("opentelemetry.sdk.trace", "opentelemetry.instrumentation", "sentry_sdk")
    names = f"[name for name in sys.modules if name.startswith({costly})]"
    code = f"import sys, django; django.setup(); print({names})"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
    with tracing.span("step", item="org_1") as nothing:
        assert nothing is None


@pytest.mark.django_db(transaction=True)
def test_a_job_leaves_spans_from_run_to_step(receiver: Receiver) -> None:
    hour = "2026-10-05T10:00:00Z"
    ended = start_program("run_job", "hourly-usage", "--wait", "--hour", hour, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert (ended.status, ended.err.count("Traceback")) == (0, 0)
    spans = _spans(receiver)
    run = spans["run hourly-usage"]
    assert (run["huntaze.job"], run["huntaze.trigger"], run["huntaze.dry_run"]) == ("hourly-usage", "command", False)
    assert run["service"] == "huntaze"
    assert any(name.startswith("apply_async/jobs.work") for name in spans)
    queries = [span for span in spans.values() if span.get("db.system") == "postgresql"]
    assert queries
    assert {span["trace"] for span in queries} >= {run["trace"]}


@pytest.mark.django_db(transaction=True)
def test_spans_of_requests_and_failures_hold_no_secret(receiver: Receiver) -> None:
    _answer_and_fail(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_SERVICE_NAME="office")
    sent = b"".join(body for _, body in receiver.bodies)
    assert [secret for secret in (SECRET, KNOWN) if secret.encode() in sent] == []
    spans = _spans(receiver)
    step = spans["step stripe"]
    assert (step["huntaze.item"], step["service"]) == ("org_1", "office")
    assert step["events"][0]["exception.message"] == "refused [secret] and [secret]"
    requests = [span for span in spans.values() if "http.method" in span or "http.request.method" in span]
    assert len(requests) == 1
    assert 404 in requests[0].values()


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_is_away_disturbs_nobody() -> None:
    said = _answer_and_fail(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT="1", OTEL_BSP_EXPORT_TIMEOUT="1000"
    )
    assert "It failed with [secret]" in said


@pytest.mark.django_db(transaction=True)
def test_errors_are_reported_to_sentry_without_secrets(receiver: Receiver) -> None:
    _answer_and_fail(SENTRY_DSN=f"http://public@127.0.0.1:{receiver.port}/1")
    sent = b"".join(body for _, body in receiver.bodies)
    assert [secret for secret in (SECRET, KNOWN) if secret.encode() in sent] == []
    (event,) = [event for event in _events(receiver) if "exception" in event]
    (failure,) = event["exception"]["values"]
    assert (failure["type"], failure["value"]) == ("RuntimeError", "refused [secret] and [secret]")
    assert "vars" not in failure["stacktrace"]["frames"][-1]
    assert {"run": "7", "job": "monthly-billing"}.items() <= event["tags"].items()
    assert event["logentry"]["formatted"] == "It failed with [secret]"


@pytest.mark.django_db(transaction=True)
def test_of_calls_outside_reports_tell_who_was_called_and_no_more(receiver: Receiver) -> None:
    # By another name than the receiver of reports, which is spared.
    # In parts, for the lines of code around a failure are told as well.
    parts = {"path": 'in-the" "-path', "query": 'in-the" "-query'}
    code = CALL.format(port=receiver.port, secret=KNOWN, **parts)
    _answer_and_fail(code, SENTRY_DSN=f"http://public@127.0.0.1:{receiver.port}/1")
    assert len(receiver.calls) == 2
    assert [
        name for call in receiver.calls for name in call if name in {"sentry-trace", "baggage", "traceparent"}
    ] == []
    receiver.bodies = [(path, body) for path, body in receiver.bodies if not path.startswith("/hooks/")]
    sent = b"".join(body for _, body in receiver.bodies)
    assert [secret for secret in (b"in-the-path", b"in-the-query", KNOWN.encode()) if secret in sent] == []
    (event,) = _events(receiver)
    calls = [crumb["data"] for crumb in event["breadcrumbs"]["values"] if crumb["type"] == "http"]
    told = {(call["http.method"], call["url"], call["http.response.status_code"]) for call in calls}
    assert told == {("POST", f"http://localhost:{receiver.port}", 200)}
    assert event["tags"]["run"] == "8"


def _events(receiver: Receiver) -> Iterator[dict[str, Any]]:
    for path, body in receiver.bodies:
        assert path == "/api/1/envelope/"
        lines = body.split(b"\n")
        for header, payload in zip(lines[1::2], lines[2::2], strict=False):
            if json.loads(header)["type"] == "event":
                yield json.loads(payload)
