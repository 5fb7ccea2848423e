"""The mail server, spoken to by smtplib, and its inbox."""

import smtplib
from email.message import EmailMessage

import pytest

from sandbox.server import Sandbox
from tests.sandbox.conftest import Control, plain

PDF = b"%PDF-1.7 not really"


def message(subject: str = "Invoice HTZ-2026-000001", to: str = "finance@example.com", **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Huntaze <billing@huntaze.example>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = "<invoice-1@huntaze.example>"
    for name, value in headers.items():
        mail.replace_header(name.replace("_", "-"), value)
    mail.set_content("Guten Tag, Zoë!\nYour invoice is attached.")
    mail.add_alternative("<h1>Guten Tag</h1><img src='cid:logo'><script>alert(1)</script>", subtype="html")
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="invoice.pdf")
    mail.add_attachment("<b>x</b>", subtype="html", filename="page.html")
    return mail


def send(sandbox: Sandbox, mail: EmailMessage, login: str | None = None) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=5) as smtp:
        if login:
            smtp.login(login, "a password")
        return smtp.send_message(mail)


def test_a_message_is_kept_as_it_was_sent(sandbox: Sandbox, control: Control) -> None:
    assert send(sandbox, message(to="finance@example.com, owner@example.com")) == {}
    (kept,) = control("GET", "/mail/messages")["messages"]
    assert kept["message_id"] == "<invoice-1@huntaze.example>"
    assert kept["to"] == ["finance@example.com", "owner@example.com"]
    assert (kept["subject"], kept["from"]) == ("Invoice HTZ-2026-000001", "billing@huntaze.example")
    assert (kept["times_received"], kept["login"]) == (1, None)
    raw = plain.get(f"{sandbox.http_url}/mail/{kept['number']}/raw")
    assert len(raw.content) == kept["size"]
    assert b"Content-Type: application/pdf" in raw.content


def test_a_message_that_comes_again_is_counted_not_listed_twice(sandbox: Sandbox, control: Control) -> None:
    for _ in range(3):
        send(sandbox, message())
    send(sandbox, message("Another", Message_ID="<invoice-2@huntaze.example>"))
    answer = control("GET", "/mail/messages")
    assert [(mail["message_id"], mail["times_received"]) for mail in answer["messages"]] == [
        ("<invoice-1@huntaze.example>", 3),
        ("<invoice-2@huntaze.example>", 1),
    ]
    assert control("GET", "/mail/messages?subject=Another")["count"] == 1
    assert control("GET", "/mail/messages?to=nobody@example.com")["count"] == 0
    assert control("DELETE", "/mail/messages")["count"] == 0
    assert control("GET", "/mail/messages")["count"] == 0


def test_logging_in_is_possible_and_can_be_refused(sandbox: Sandbox, control: Control) -> None:
    send(sandbox, message(), login="huntaze")
    assert control("GET", "/mail/messages")["messages"][0]["login"] == "huntaze"
    control("POST", "/mail/rules", match="huntaze", stage="auth")
    with pytest.raises(smtplib.SMTPAuthenticationError) as raised:
        send(sandbox, message(), login="huntaze")
    assert raised.value.smtp_code == 535
    assert control("GET", "/mail/messages")["messages"][0]["times_received"] == 1


def test_recipients_are_refused_by_domain_and_by_address(sandbox: Sandbox, control: Control) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as raised:
        send(sandbox, message(to="someone@refused.invalid"))
    assert raised.value.recipients["someone@refused.invalid"][0] == 550
    control("POST", "/mail/rules", match="finance@example.com", action="defer", times=1)
    assert send(sandbox, message(to="finance@example.com, owner@example.com")) == {
        "finance@example.com": (451, b"4.7.1 Try again later")
    }
    (kept,) = control("GET", "/mail/messages")["messages"]
    assert kept["to"] == ["owner@example.com"]
    assert send(sandbox, message(to="finance@example.com")) == {}


@pytest.mark.parametrize(("action", "kept"), [("drop_before", 0), ("drop_after", 1)])
def test_a_connection_that_drops_after_the_message(sandbox: Sandbox, control: Control, action: str, kept: int) -> None:
    control("POST", "/mail/rules", match="*", stage="data", action=action, times=1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(sandbox, message())
    assert control("GET", "/mail/messages")["count"] == kept
    send(sandbox, message())
    assert control("GET", "/mail/messages")["messages"][0]["times_received"] == kept + 1


@pytest.mark.parametrize(
    ("stage", "action", "code"), [("mail", "defer", 451), ("data", "refuse", 550), ("data", "defer", 452)]
)
def test_refusals_at_other_stages(sandbox: Sandbox, control: Control, stage: str, action: str, code: int) -> None:
    control("POST", "/mail/rules", match="*", stage=stage, action=action, code=code)
    with pytest.raises(smtplib.SMTPResponseException) as raised:
        send(sandbox, message())
    assert raised.value.smtp_code == code
    assert control("GET", "/mail/messages")["count"] == 0


def test_rules_are_checked_listed_and_reset(control: Control) -> None:
    for wrong in ({"match": "*", "stage": "lunch"}, {"match": "*", "action": "drop_after"}, {"colour": 1}):
        assert control.client.post("/mail/rules", json=wrong).status_code == 400
    control("POST", "/mail/rules", match="@example.com")
    assert [rule["match"] for rule in control("GET", "/mail/rules")["rules"]] == ["@example.com", "@refused.invalid"]
    assert len(control("DELETE", "/mail/rules")["rules"]) == 1


def test_the_inbox_shows_message_text_and_attachments(sandbox: Sandbox, control: Control) -> None:
    assert "No mail yet" in plain.get(f"{sandbox.http_url}/mail/").text
    send(sandbox, message("<b>Subject</b>"))
    number = control("GET", "/mail/messages")["messages"][0]["number"]
    inbox = plain.get(f"{sandbox.http_url}/mail/").text
    assert "&lt;b&gt;Subject&lt;/b&gt;" in inbox
    assert "invoice.pdf" in inbox
    page = plain.get(f"{sandbox.http_url}/mail/{number}").text
    assert "Guten Tag, Zoë!" in page
    assert "&lt;invoice-1@huntaze.example&gt;" in page
    assert "<script>" not in page
    body = plain.get(f"{sandbox.http_url}/mail/{number}/html")
    assert "sandbox" in body.headers["content-security-policy"]
    assert "<h1>Guten Tag</h1>" in body.text
    assert plain.get(f"{sandbox.http_url}/mail/9999").status_code == 404


def test_a_pdf_opens_in_place_and_html_does_not(sandbox: Sandbox, control: Control) -> None:
    send(sandbox, message())
    number = control("GET", "/mail/messages")["messages"][0]["number"]
    parts = {}
    for index in range(8):
        response = plain.get(f"{sandbox.http_url}/mail/{number}/parts/{index}")
        if "filename" in response.headers.get("content-disposition", ""):
            parts[response.headers["content-disposition"]] = response
    assert parts['inline; filename="invoice.pdf"'].content == PDF
    assert parts['inline; filename="invoice.pdf"'].headers["content-type"] == "application/pdf"
    assert 'attachment; filename="page.html"' in parts
