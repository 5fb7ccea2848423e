"""The API as a whole: its document, the page that shows it, and answers in one shape even before any view."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.test.client import RequestFactory
from pytest_django import Settings

from huntaze.api import answer_failed, make_document
from jobs.registry import list_jobs


def test_every_job_for_callers_has_an_address_of_its_own() -> None:
    paths = make_document()["paths"]
    assert "/api/cron/{name}" not in paths
    for job in list_jobs():
        assert (f"/api/cron/{job.name}" in paths) is job.http
    assert {"/api/cron/monthly-billing", "/api/cron/hourly-usage"} <= paths.keys()


def test_the_document_tells_parameters_in_camel_case_and_every_refusal_s_shape() -> None:
    document = make_document()
    billing = document["paths"]["/api/cron/monthly-billing"]["get"]
    assert {"wait", "Idempotency-Key", "month", "dryRun"} <= {part["name"] for part in billing["parameters"]}
    schemas = set[str]()
    for operations in document["paths"].values():
        for operation in operations.values():
            refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            assert {"400", "403", "503"} <= refusals.keys()
            for answer in refusals.values():
                schemas.add(answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2])
    # One says, beside the error, what was taken in all the same.
    assert schemas == {"Refusal", "IngestedInPart"}
    one, more = (document["components"]["schemas"][name] for name in ("Refusal", "IngestedInPart"))
    assert one["properties"].items() <= more["properties"].items()
    assert one["required"] == more["required"] == ["error", "timestamp"]


def test_the_document_is_for_everybody(client: Client) -> None:
    answer = client.get("/api/schema/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json()["openapi"].startswith("3.1")


def test_the_page_loads_nothing_that_is_not_ours(client: Client, settings: Settings) -> None:
    answer = client.get("/api/docs/")
    assert answer.status_code == 200
    linked = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    files = [address.removeprefix(f"/{settings.STATIC_URL.strip('/')}/") for address in linked if "static" in address]
    assert len(files) == 5 and all(finders.find(name) for name in files)
    assert set(linked) - {f"/static/{name}" for name in files} == {"/api/schema/"}
    assert not re.search(r"<script(?![^>]*src=)", answer.text)


def test_the_page_s_policy_names_nobody_else(client: Client) -> None:
    policy = client.get("/api/docs/")["Content-Security-Policy"]
    said = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert said["default-src"] == "'none'"
    assert (said["script-src"], said["connect-src"]) == ("'self'", "'self'")
    assert set(" ".join(said.values()).split()) == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert "'unsafe-inline'" not in said["script-src"]


@pytest.mark.parametrize("address", ["/api", "/api/", "/api/cron", "/api/cron/", "/api/auth/token/x"])
def test_no_address_of_the_api_redirects(client: Client, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_another_host_s_name_is_refused_in_the_shape() -> None:
    for address in ("/api/schema/", "/api/nothing"):
        answer = Client(headers={"host": "evil.example"}).get(address)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")


def test_what_fails_around_the_views_is_told_in_the_shape() -> None:
    answer = answer_failed(RequestFactory().get("/api/schema/"))
    assert answer.status_code == 500 and b'"code": "server_error"' in answer.content
    assert b"server_error" not in answer_failed(RequestFactory().get("/admin/")).content
