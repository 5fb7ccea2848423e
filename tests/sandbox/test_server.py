"""The sandbox as a process: its start, its end and what outlives it; its pages; the controls."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import stripe

from sandbox.server import Sandbox, run
from tests.sandbox.build import customer, draft, open_invoice
from tests.sandbox.conftest import KEY, Control, make_client, plain
from tests.sandbox.test_mail import message, send


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    child = subprocess.Popen([sys.executable, "-m", "sandbox", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield child, json.loads(child.stdout.readline())
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_cleanly(number: signal.Signals) -> None:
    with process() as (child, addresses):
        assert plain.get(addresses["http"]).status_code == 200
        assert addresses["smtp"].startswith("127.0.0.1:")
        child.send_signal(number)
        assert child.wait(timeout=10) == 0


def test_a_killed_one_loses_nothing_that_it_answered(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "new"))
    with process(*data) as (child, addresses):
        headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "k"}
        url = f"{addresses['http']}/stripe/v1/customers"
        made = plain.post(url, headers=headers, data={"name": "Zoë"}).json()
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with process(*data) as (_, addresses):
        url = f"{addresses['http']}/stripe/v1/customers"
        again = plain.post(url, headers=headers, data={"name": "Zoë"})
        assert again.json() == made
        assert again.headers["idempotent-replayed"] == "true"


def test_a_restarted_one_still_has_invoices_and_mail(tmp_path: Path) -> None:
    with run(data_dir=tmp_path) as first:
        invoice = open_invoice(make_client(first), 1_000)
        send(first, message())
        plain.put(f"{first.http_url}/control/onlyfans/acc_1/2026-10", json={"tips": 5}).raise_for_status()
    with run(data_dir=tmp_path) as second:
        client = make_client(second)
        kept = client.v1.invoices.retrieve(invoice.id)
        assert (kept.status, kept.total, kept.number) == ("open", 1_000, invoice.number)
        assert kept.hosted_invoice_url is not None
        assert kept.hosted_invoice_url.startswith(second.http_url)
        assert open_invoice(client, 5_000).id != invoice.id
        assert plain.get(f"{second.http_url}/control/mail/messages").json()["count"] == 1


def test_it_stops_while_answers_hang() -> None:
    sandbox = run()
    plain.post(f"{sandbox.http_url}/control/faults", json={"action": "hang_before"}).raise_for_status()
    with pytest.raises(httpx.ReadTimeout):
        plain.get(f"{sandbox.http_url}/stripe/v1/balance", timeout=0.05)
    sandbox.stop()
    with pytest.raises(httpx.ConnectError):
        plain.get(sandbox.http_url)


def test_a_taken_port_is_an_error(sandbox: Sandbox) -> None:
    port = int(sandbox.http_url.rpartition(":")[2])
    with pytest.raises(RuntimeError, match="did not start"):
        run(port=port)


def test_a_taken_port_is_told_in_one_line(sandbox: Sandbox) -> None:
    port = sandbox.http_url.rpartition(":")[2]
    for wrong in (port, "70000"):
        command = [sys.executable, "-m", "sandbox", "--port", wrong]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert done.stderr.startswith("The sandbox cannot start: ")


def test_empty_pages_say_so(sandbox: Sandbox) -> None:
    assert "0 customers, 0 invoices" in plain.get(f"{sandbox.http_url}/").text
    dashboard = plain.get(f"{sandbox.http_url}/stripe/dashboard").text
    assert "No invoices yet." in dashboard
    assert "No customers yet." in dashboard
    for path in ("/stripe/invoices/in_1", "/stripe/customers/cus_1", "/stripe/credit_notes/cn_1"):
        response = plain.get(f"{sandbox.http_url}{path}")
        assert response.status_code == 404
        assert "There is no such" in response.text


def test_an_invoice_has_a_page_of_its_own_on_which_it_can_be_paid(client: stripe.StripeClient) -> None:
    owner = customer(client, name="<i>Zoë</i>")
    invoice = open_invoice(client, 123_450, -450, customer=owner.id, metadata={"organization": "org_1"})
    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 3_000, "reason": "order_change"})
    assert invoice.hosted_invoice_url is not None
    page = plain.get(invoice.hosted_invoice_url).text
    for words in (str(invoice.number), "1,234.50 USD", "-4.50 USD", "1,230.00 USD", "1,200.00 USD", "org_1", "-CN-01"):
        assert words in page
    assert "&lt;i&gt;Zoë&lt;/i&gt;" in page
    assert "<i>Zoë" not in page
    paid = plain.post(f"{invoice.hosted_invoice_url}/pay", follow_redirects=True)
    assert "paid" in paid.text
    after = client.v1.invoices.retrieve(invoice.id)
    assert (after.status, after.amount_paid) == ("paid", 120_000)


def test_the_dashboard_lists_invoices_and_customers(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    owner = customer(client)
    draft(client, 100, customer=owner.id)
    numbered = open_invoice(client, 5_000, customer=owner.id)
    page = plain.get(f"{sandbox.http_url}/stripe/dashboard").text
    assert "1 draft, 1 open" in page
    assert str(numbered.number) in page
    assert "Draft</a>" in page
    person = plain.get(f"{sandbox.http_url}/stripe/customers/{owner.id}").text
    assert str(numbered.number) in person


def test_requests_are_logged_without_their_secrets(client: stripe.StripeClient, control: Control) -> None:
    owner = client.v1.customers.create({"name": "Zoë"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.retrieve("cus_nobody")
    made, missed = control.requests(service="stripe")
    assert (made["method"], made["path"], made["params"]) == ("POST", "/v1/customers", {"name": "Zoë"})
    assert (made["status"], made["object"], made["key"]) == (200, owner.id, "k")
    assert (missed["status"], missed["object"]) == (404, None)
    assert KEY not in json.dumps([made, missed])
    assert [entry["path"] for entry in control.requests(path="nobody$")] == ["/v1/customers/cus_nobody"]
    assert control("DELETE", "/requests") == {"requests": []}
    assert control.requests() == []


def test_the_controls_refuse_what_they_do_not_know(control: Control) -> None:
    for method, path, body in (
        ("POST", "/reset", {"services": ["weather"]}),
        ("PUT", "/latency", {"weather": 5}),
        ("PUT", "/stripe/rate-limit", {"per_second": 0}),
        ("PUT", "/stripe/webhooks", {"endpoints": [{"url": "http://127.0.0.1:1"}]}),
        ("POST", "/stripe/advance", {}),
        ("POST", "/faults", {"action": "garbage", "fired": 3}),
    ):
        response = control.client.request(method, path, json=body)
        assert response.status_code == 400, path
        assert response.json()["error"]
    assert control.client.get("/stripe/objects/unicorn").status_code == 404
    assert control.client.post("/reset", content=b"{nonsense").status_code == 400
    assert "POST /control/reset" in control("GET", "/")["actions"]


def test_reset_forgets_only_what_it_is_told_to(client: stripe.StripeClient, sandbox: Sandbox, control: Control) -> None:
    customer(client)
    send(sandbox, message())
    control("POST", "/reset", services=["mail"])
    assert control("GET", "/mail/messages")["count"] == 0
    assert len(control.objects("customer")) == 1
    control("POST", "/reset", services=["stripe"])
    assert control.objects("customer") == []
