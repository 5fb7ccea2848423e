"""The receiver of webhooks, spoken to by the scheme's own library."""

import base64
import datetime as dt

import pytest
from standardwebhooks import Webhook

from sandbox.server import Sandbox
from tests.sandbox.conftest import Control, plain

SECRET = "whsec_" + base64.b64encode(b"of the receiver's own tests").decode()
BODY = '{"type":"job.completed","data":{"title":"<b>Monthly billing</b> #1"}}'


def post(sandbox: Sandbox, body: str = BODY, secret: str = SECRET, age: int = 0, **changed: str) -> str:
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age)
    signed = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": f"v1a,x {Webhook(secret).sign('msg_1', moment, body)}",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    answer = plain.post(f"{sandbox.http_url}/hooks/runs", content=body, headers=signed)
    assert answer.status_code == 200
    return str(answer.json()["signature"])


def test_signatures_are_judged_by_the_receiver_s_secret(sandbox: Sandbox, control: Control) -> None:
    assert post(sandbox) == "not judged: no secret is known here"
    control("PUT", "/hooks/runs", secret=SECRET)
    assert post(sandbox) == "fits"
    assert post(sandbox, secret="whsec_" + base64.b64encode(b"somebody else's secret").decode()) == "does not fit"
    assert post(sandbox, webhook_id="msg_2") == "does not fit"
    assert post(sandbox, age=400) == "too old"
    assert post(sandbox, webhook_signature="") == "unsigned"
    kept = control("GET", "/hooks")
    assert [hook["verdict"] for hook in kept["hooks"]][1:] == [
        "fits", "does not fit", "does not fit", "too old", "unsigned",
    ]  # fmt: skip
    assert (kept["count"], kept["hooks"][1]["id"], kept["hooks"][1]["body"]["type"]) == (6, "msg_1", "job.completed")


def test_people_see_what_came(sandbox: Sandbox, control: Control) -> None:
    assert "No webhook yet." in plain.get(f"{sandbox.http_url}/hooks/").text
    post(sandbox)
    listed = plain.get(f"{sandbox.http_url}/hooks/").text
    assert "&lt;b&gt;Monthly billing&lt;/b&gt; #1" in listed and "<b>Monthly" not in listed
    (number,) = (hook["number"] for hook in control("GET", "/hooks")["hooks"])
    shown = plain.get(f"{sandbox.http_url}/hooks/{number}").text
    assert "job.completed" in shown and "webhook-signature" in shown
    assert plain.get(f"{sandbox.http_url}/hooks/{number + 1}").status_code == 404


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', "\0", '{"data": 1}'])
def test_whatever_comes_is_kept(sandbox: Sandbox, control: Control, body: str) -> None:
    post(sandbox, body)
    (kept,) = control("GET", "/hooks")["hooks"]
    assert plain.get(f"{sandbox.http_url}/hooks/").status_code == 200
    assert plain.get(f"{sandbox.http_url}/hooks/{kept['number']}").status_code == 200


def test_forgetting_forgets_secrets_too(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/hooks/runs", secret=SECRET)
    post(sandbox)
    control("POST", "/reset", services=["hooks"])
    assert control("GET", "/hooks")["count"] == 0
    assert post(sandbox).startswith("not judged")
