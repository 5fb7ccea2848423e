"""A job that can be started over HTTP, and callers that start it."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pydantic import Field
from pytest_django import Settings

from common.errors import Permanent
from jobs.api.announcing import announcer
from jobs.registry import Job, JobParams
from tests.jobs.conftest import Declare

SECRET = "cron-secret-of-the-tests"
CALLERS = Path(__file__).resolve().parents[2] / "fixtures" / "callers"


class Asking(Job):
    """Works on what its scope says: an item a word, of which “bad” fails."""

    class Params(JobParams):
        """What can be asked of it."""

        scope: str = Field("", description="Words with spaces between them.")
        how_many: int = Field(1, ge=1, le=9)
        words_of: tuple[str, ...] = ()
        dry_run: bool = False

    def check(self) -> dict[str, str]:
        return {"words_of": "“never” is never said."} if "never" in self.params.words_of else {}

    def needs_reason(self) -> bool:
        return bool(self.params.scope == "sensitive")

    def overlap_scope(self) -> str:
        return str(self.params.scope)

    def keys(self) -> Sequence[str]:
        return str(self.params.scope).split()

    def process(self, keys: Sequence[str], context: Any) -> None:
        for key in keys:
            if key == "bad":
                context.fail(key, Permanent("It was bad."))

    def summarize(self, run: Any) -> dict[str, Any]:
        return {"worked_on": run.expected}


@pytest.fixture(autouse=True)
def jobs(declare: Declare, settings: Settings) -> Iterator[None]:
    """One job that may overlap, one that may not, one that is not for callers, and who may call."""
    settings.CRON_SECRETS = (SECRET, "another-secret-of-the-tests")
    settings.BASE_URL = "https://office.test"
    declare("asking", title="Asking", http=True)(type("Free", (Asking,), {}))
    declare("single", title="Single", http=True, overlap="forbid")(type("Single", (Asking,), {}))
    declare("patient", title="Patient", http=True, http_wait=20)(type("Patient", (Asking,), {}))
    declare("inner", title="Inner")(type("Inner", (Asking,), {}))
    yield
    announcer.wait()


Call = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def call(client: Client) -> Call:
    """Calls a job as a scheduler with the secret does."""

    def send(address: str, body: Any = None, method: str = "POST", **headers: str) -> tuple[int, dict[str, Any]]:
        given = {"x-cron-secret": SECRET, **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = "" if body is None else json.dumps(body)
        answer = client.generic(method, f"/api/cron/{address}", data, content_type="application/json", headers=given)
        return answer.status_code, answer.json()

    return send


Replay = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def replay(client: Client) -> Replay:
    """Sends a request from the fixtures, whole."""

    def send(name: str, address: str, secret: str = SECRET, **changes: Any) -> tuple[int, dict[str, Any]]:
        request = json.loads((CALLERS / f"{name}.json").read_text())
        headers = {key: value.replace("{secret}", secret) for key, value in request["headers"].items()}
        kind = headers.pop("content-type", "")
        data = json.dumps({**request["body"], **changes}) if "body" in request else ""
        answer = client.generic(request["method"], address, data, content_type=kind, headers=headers)
        return answer.status_code, answer.json()

    return send
