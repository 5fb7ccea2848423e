"""Sending: what arrives and what it says, by every kind of channel; what fails, waits, heals and is given up."""

import datetime as dt
import json
from typing import Any

import boto3
import pytest
from pytest_django import Settings

from alerts.checks import find_failing_channels
from alerts.models import Channel, Incident, Notification
from alerts.providers.courier import hide_keys
from alerts.providers.webhook import new_secret
from alerts.registry import Finding, condition
from alerts.services import tick
from alerts.services.channels import ensure_default, resend
from alerts.services.planning import CHANNEL_FAILING
from alerts.services.sending import NOTIFICATIONS, send_waiting
from alerts.services.writing import _escape
from common.clock import now
from tests.alerts.conftest import Trouble
from tests.alerts.receiver import Receiver
from tests.factories.alerts import make_channel, make_rule
from tests.factories.staff import make_staff
from tests.outside import Outside
from tests.s3 import KEYS, running_moto

pytestmark = pytest.mark.django_db
SINCE = dt.datetime(2026, 11, 20, 7, 30, tzinfo=dt.UTC)


@pytest.fixture
def hook(receiver: Receiver) -> Channel:
    """A webhook that is told of everything."""
    channel = make_channel(Channel.Kind.WEBHOOK, url=receiver.url, secret=new_secret())
    make_rule(channel)
    return channel


def arise(trouble: Trouble, *scopes: str) -> None:
    trouble.findings = [
        Finding(
            scope,
            f"{scope} failed",
            "Three runs in a row <failed>.",
            SINCE,
            "/admin/jobs/jobrun/7/change/",
            "Press “Rerun failed”.",
            3,
            "onlyfans.dismiss_resultfile",
        )
        for scope in scopes
    ]
    tick()


def send() -> int:
    Notification.objects.filter(status="waiting").update(not_before=now())
    Channel.objects.update(rests_until=None)
    return send_waiting(seconds=20)


def statuses() -> list[str]:
    return list(Notification.objects.order_by("id").values_list("status", flat=True))


def test_a_mail_says_what_happened_since_when_how_often_and_what_to_press(trouble: Trouble, wired: Outside) -> None:
    make_rule(make_channel(address="ops@example.test"))
    arise(trouble, "billing")
    assert send() == 1
    (mail,) = wired.list_mails()
    assert (mail["to"], mail["subject"]) == (["ops@example.test"], "[Error] billing failed")
    message = wired.read_mail(mail["number"])
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None and html is not None
    incident = Incident.objects.get()
    address = f"http://localhost:8000/admin/alerts/incident/{incident.pk}/change/"
    said = text.get_content().splitlines()
    for line in (
        "billing failed",
        "Three runs in a row <failed>.",
        "Since: 2026-11-20 07:30 UTC",
        "How many: 3",
        "Alert: Something is broken",
        "Who may do it: Finance and Operations",
        "Who may acknowledge it: Finance and Operations",
        "What to do: Press “Rerun failed”.",
        "http://localhost:8000/admin/jobs/jobrun/7/change/",
        address,
    ):
        assert line in said, line
    for part in ("Three runs in a row &lt;failed&gt;.", f'href="{address}"', "Since", "How many"):
        assert part in html.get_content()
    assert (message["Auto-Submitted"], message["To"]) == ("auto-generated", "ops@example.test")
    trouble.end()
    tick()
    assert send() == 1
    recovered = wired.read_mail(wired.list_mails()[1]["number"])
    assert recovered["Subject"] == "[Recovered] billing failed"
    assert "Until: " in str(recovered.get_body(("plain",)))
    assert recovered["References"] == message["References"]


def test_a_webhook_is_signed_and_says_the_same(trouble: Trouble, receiver: Receiver, hook: Channel) -> None:
    arise(trouble, "billing")
    assert send() == 1
    (request,) = receiver.requests
    receiver.verify(request, hook.config["secret"])
    row, incident = Notification.objects.get(), Incident.objects.get()
    assert request.headers["webhook-id"] == row.reference
    body = request.json
    assert body["type"] == "incident.opened"
    wanted = {
        "kind": "broken",
        "scope": "billing",
        "severity": "error",
        "title": "billing failed",
        "count": 3,
        "since": "2026-11-20T07:30:00Z",
        "link": "http://localhost:8000/admin/jobs/jobrun/7/change/",
        "incidentId": incident.pk,
        "resolvedAt": None,
    }
    assert {name: body["data"][name] for name in wanted} == wanted
    with pytest.raises(Exception, match="No matching signature"):
        receiver.verify(request, new_secret())


@pytest.mark.parametrize("before", range(6))
def test_no_text_of_slack_s_ends_within_an_entity(before: int) -> None:
    for longest in (1900, 2900):
        written = _escape("x" * before + "&" * 3_000, longest)
        assert longest - 5 < len(written) <= longest
        assert set(written[before:].split("&amp;")) == {""}
    assert _escape("a & b <c>", 2900) == "a &amp; b &lt;c&gt;"


def test_slack_gets_blocks(trouble: Trouble, receiver: Receiver) -> None:
    make_rule(make_channel(Channel.Kind.SLACK, url=receiver.url))
    arise(trouble, "billing")
    assert send() == 1
    body = receiver.requests[0].json
    assert body["text"] == "[Error] billing failed"
    kinds = [block["type"] for block in body["blocks"]]
    assert kinds == ["header", "section", "section", "section", "actions"]
    marked = json.dumps([block for block in body["blocks"] if block["type"] == "section"])
    assert "<failed>" not in marked and "&lt;failed&gt;" in marked
    assert [button["url"] for button in body["blocks"][-1]["elements"]] == [
        "http://localhost:8000/admin/jobs/jobrun/7/change/",
        f"http://localhost:8000/admin/alerts/incident/{Incident.objects.get().pk}/change/",
    ]


@pytest.fixture
def sns(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moto's SNS, with the keys that open it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings.ALERTS_SNS_ENDPOINT = running_moto()
    return boto3.client("sns", endpoint_url=settings.ALERTS_SNS_ENDPOINT, region_name="eu-west-1")


def test_sns_gets_the_text(trouble: Trouble, sns: Any, settings: Settings) -> None:
    sqs = boto3.client("sqs", endpoint_url=settings.ALERTS_SNS_ENDPOINT, region_name="eu-west-1")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    make_rule(make_channel(Channel.Kind.SNS, topic=topic))
    arise(trouble, "billing")
    assert send() == 1
    row = Notification.objects.get()
    assert row.status == "sent"
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    body = json.loads(message["Body"])
    assert (body["Subject"], body["MessageAttributes"]["reference"]["Value"]) == (
        "[Error] billing failed",
        row.reference,
    )
    assert "What to do: Press “Rerun failed”." in body["Message"]
    assert body["MessageId"] in row.history[-1]["said"]
    sqs.delete_queue(QueueUrl=queue)
    sns.delete_topic(TopicArn=topic)


def test_a_topic_that_is_not_there_fails_at_once(trouble: Trouble, sns: Any) -> None:
    make_rule(make_channel(Channel.Kind.SNS, topic="arn:aws:sns:eu-west-1:123456789012:nowhere"))
    arise(trouble, "billing")
    assert send() == 1
    row = Notification.objects.get()
    assert (row.status, row.attempts) == ("dead", 1)
    assert row.error.startswith("SNS refused the message (NotFound")


def test_apprise_reaches_a_service(trouble: Trouble, receiver: Receiver) -> None:
    make_rule(make_channel(Channel.Kind.APPRISE, url=f"json://127.0.0.1:{receiver.port}/in"))
    arise(trouble, "billing")
    receiver.fail(302, {"Location": f"{receiver.url}/elsewhere"})
    assert send() == 1
    assert (statuses(), [request.path for request in receiver.requests]) == (["waiting"], ["/in"])
    assert send() == 1
    assert statuses() == ["sent"]
    body = receiver.requests[-1].json
    assert body["title"] == "[Error] billing failed"
    assert "How many: 3" in body["message"]


def test_apprise_calls_no_private_address(trouble: Trouble, receiver: Receiver, settings: Settings) -> None:
    """Whatever was accepted when it was saved: the process that sends looks at each connection."""
    make_rule(make_channel(Channel.Kind.APPRISE, url=f"json://localhost:{receiver.port}/in"))
    settings.ALERTS_ALLOW_PRIVATE_ADDRESSES = False
    arise(trouble, "billing")
    assert send() == 1
    assert (statuses(), receiver.requests) == (["dead"], [])
    assert "leads into this machine or a private network" in Notification.objects.get().error


def test_apprise_calls_no_private_address_that_only_shows_on_the_way(trouble: Trouble, settings: Settings) -> None:
    """The host that is checked is a public one; where the connection goes stands in a parameter."""
    url = "mailto://someone:password@example.com?smtp=127.0.0.1&to=ops@example.com"
    make_rule(make_channel(Channel.Kind.APPRISE, url=url))
    settings.ALERTS_ALLOW_PRIVATE_ADDRESSES = False
    arise(trouble, "billing")
    assert send() == 1
    row = Notification.objects.get()
    assert (row.status, row.attempts) == ("dead", 1)
    assert row.error == "It leads into this machine or a private network, where nothing is sent."


def test_apprise_says_why_without_the_key(trouble: Trouble, receiver: Receiver) -> None:
    url = f"json://someuser:topsecretkey@127.0.0.1:{receiver.port}/topsecretpath"
    make_rule(make_channel(Channel.Kind.APPRISE, url=url))
    arise(trouble, "billing")
    receiver.fail(403)
    assert send() == 1
    said = Notification.objects.get().error
    assert said.startswith("JSON did not take the message: Failed to send JSON POST notification:")
    assert "error=403" in said


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("No channel topsecretkey at chat.example.test", "No channel … at chat.example.test"),
        ("The token top%20secret%20key (top secret key) is unknown", "The token … (…) is unknown"),
        ("error=403, is json fine?", "error=403, is json fine?"),
    ],
)
def test_keys_are_taken_out_of_what_apprise_says(line: str, shown: str) -> None:
    url = "json://chat.example.test/topsecretkey/top%20secret%20key"
    assert hide_keys(line, url, "chat.example.test") == shown


def test_a_receiver_that_fails_and_heals(trouble: Trouble, receiver: Receiver, hook: Channel) -> None:
    arise(trouble, "billing")
    for status in (500, 503, 429, 404):
        receiver.fail(status)
        assert send() == 1
    row = Notification.objects.get()
    assert (row.status, row.attempts, row.error) == ("waiting", 4, "The receiver answered 404: ok")
    hook.refresh_from_db()
    assert hook.failures == 4
    assert send() == 1
    row.refresh_from_db()
    hook.refresh_from_db()
    assert (row.status, row.attempts, row.error, hook.failures) == ("sent", 5, "", 0)
    assert set(receiver.list_ids()) == {row.reference}
    assert [entry["outcome"] for entry in row.history] == ["retryable"] * 4 + ["sent"]


def test_pauses_grow_and_attempts_end(trouble: Trouble, receiver: Receiver, hook: Channel, settings: Settings) -> None:
    settings.ALERTS_RETRY_BASE_SECONDS, settings.ALERTS_RETRY_MAX_SECONDS = 5, 30
    settings.ALERTS_MAX_ATTEMPTS = 5
    arise(trouble, "billing")
    pauses = []
    for _ in range(5):
        receiver.fail(500)
        assert send() == 1
        row = Notification.objects.get()
        pauses.append((row.not_before - now()).total_seconds())
    longest = (5, 10, 20, 30)
    assert all(most / 2 - 1 <= pause <= most for pause, most in zip(pauses, longest, strict=False))
    assert (row.status, row.attempts) == ("dead", 5)
    assert send() == 0


def test_a_message_whose_senders_die_is_given_up(
    trouble: Trouble, receiver: Receiver, hook: Channel, settings: Settings
) -> None:
    settings.ALERTS_MAX_ATTEMPTS = 3
    arise(trouble, "billing")
    for _ in range(3):
        assert NOTIFICATIONS.claim()
        assert not NOTIFICATIONS.claim()
        Notification.objects.update(lease_expires_at=now() - dt.timedelta(seconds=1))
    assert send() == 0
    row = Notification.objects.get()
    assert (row.status, row.error) == ("dead", "Each worker that sent it crashed: nobody knows whether it arrived.")
    assert row.may_have_arrived
    assert receiver.requests == []


def test_as_long_as_the_receiver_asks(trouble: Trouble, receiver: Receiver, hook: Channel) -> None:
    arise(trouble, "billing")
    receiver.fail(429, {"Retry-After": "600"})
    assert send() == 1
    assert 590 < (Notification.objects.get().not_before - now()).total_seconds() <= 600


@pytest.mark.parametrize(("status", "said"), [(410, "nobody is there any more"), (301, "sent us on")])
def test_what_does_not_heal_by_itself(
    trouble: Trouble, receiver: Receiver, hook: Channel, status: int, said: str
) -> None:
    arise(trouble, "billing")
    receiver.fail(status, {"Location": f"{receiver.url}/else"})
    assert send() == 1
    row = Notification.objects.get()
    assert (row.status, row.attempts) == ("dead", 1)
    assert said in row.error
    assert len(receiver.requests) == 1


def test_a_dead_receiver_keeps_nobody_else_waiting(
    trouble: Trouble, receiver: Receiver, hook: Channel, wired: Outside, settings: Settings
) -> None:
    settings.ALERTS_RETRY_BASE_SECONDS = 5
    make_rule(make_channel())
    receiver.fail(500, times=100)
    arise(trouble, *(f"job{number}" for number in range(10)))
    assert send() == 11
    assert len(receiver.requests) == 1, "it rests after its first failure"
    assert len(wired.list_mails()) == 10


def test_what_became_of_something_is_told_in_its_order(trouble: Trouble, receiver: Receiver, hook: Channel) -> None:
    arise(trouble, "billing")
    receiver.fail(500)
    assert send() == 1
    trouble.end()
    tick()
    Channel.objects.update(rests_until=None)
    Notification.objects.filter(what="opened").update(not_before=now() + dt.timedelta(hours=1))
    assert send_waiting(seconds=20) == 0
    assert send() == 2
    assert [request.json["type"] for request in receiver.requests] == [
        "incident.opened",
        "incident.opened",
        "incident.recovered",
    ]


def test_a_channel_that_was_switched_off_is_told_nothing(trouble: Trouble, receiver: Receiver, hook: Channel) -> None:
    arise(trouble, "billing")
    Channel.objects.update(is_enabled=False)
    assert send() == 1
    assert (statuses(), receiver.requests) == (["skipped"], [])


@pytest.mark.parametrize(("action", "times"), [("drop_before", 1), ("drop_after", 2)])
def test_a_mail_whose_outcome_nobody_knows_goes_out_again_under_its_name(
    trouble: Trouble, wired: Outside, action: str, times: int
) -> None:
    make_rule(make_channel())
    wired.refuse_mail("*", stage="data", action=action, times=1)
    arise(trouble, "billing")
    assert (send(), send()) == (1, 1)
    assert [mail["times_received"] for mail in wired.list_mails()] == [times]
    assert [entry["outcome"] for entry in Notification.objects.get().history] == ["unknown", "sent"]


def test_a_refused_address_fails_at_once_and_others_hear_of_it(trouble: Trouble, wired: Outside) -> None:
    condition(CHANNEL_FAILING, title="A channel fails")(find_failing_channels)
    bad, good = make_channel(address="nobody@refused.invalid"), make_channel(address="ops@example.test")
    make_rule(bad, good, kinds=["broken"])
    arise(trouble, "billing")
    assert send() == 2
    make_rule(bad, good, kinds=[CHANNEL_FAILING])
    tick()
    assert send() == 1
    assert [mail["subject"] for mail in wired.list_mails()] == [
        "[Error] billing failed",
        f"[Error] Alerts to “{bad}” don't arrive",
    ]
    Channel.objects.filter(pk=bad.pk).update(config={"address": "other@example.test"})
    resend(Notification.objects.get(channel=bad).pk, make_staff())
    assert send() == 1
    trouble.end()
    tick()
    assert send() == 3
    assert not Incident.objects.filter(resolved_at=None).exists()
    assert sorted((mail["to"][0], mail["subject"]) for mail in wired.list_mails()[2:]) == [
        ("ops@example.test", f"[Recovered] Alerts to “{bad}” don't arrive"),
        ("ops@example.test", "[Recovered] billing failed"),
        ("other@example.test", "[Error] billing failed"),
        ("other@example.test", "[Recovered] billing failed"),
    ]


def test_who_never_got_the_opening_hears_nothing_of_the_end(trouble: Trouble, wired: Outside) -> None:
    bad, good = make_channel(address="nobody@refused.invalid"), make_channel(address="ops@example.test")
    make_rule(bad, good)
    arise(trouble, "billing")
    assert send() == 2
    Channel.objects.filter(pk=bad.pk).update(config={"address": "other@example.test"})
    trouble.end()
    tick()
    assert send() == 1
    assert [mail["to"] for mail in wired.list_mails()] == [["ops@example.test"], ["ops@example.test"]]


def test_an_end_that_waits_for_an_opening_that_is_given_up_is_not_sent(
    trouble: Trouble, receiver: Receiver, hook: Channel, settings: Settings
) -> None:
    settings.ALERTS_MAX_ATTEMPTS = 2
    arise(trouble, "billing")
    receiver.fail(500, times=2)
    assert send() == 1
    trouble.end()
    tick()
    assert (send(), send(), send()) == (1, 1, 0)
    assert [(row.what, row.status) for row in Notification.objects.order_by("id")] == [
        ("opened", "dead"), ("recovered", "skipped"),
    ]  # fmt: skip
    assert [request.json["type"] for request in receiver.requests] == ["incident.opened"] * 2


def test_the_address_of_the_settings_is_told_of_everything(
    settings: Settings, trouble: Trouble, wired: Outside
) -> None:
    settings.ALERTS_EMAIL = "ops@example.test"
    ensure_default()
    ensure_default()
    assert Channel.objects.count() == 1
    arise(trouble, "billing")
    assert send() == 1
    assert [mail["to"] for mail in wired.list_mails()] == [["ops@example.test"]]


def test_without_a_mail_server_it_waits_for_one(trouble: Trouble, settings: Settings) -> None:
    settings.EMAIL_HOST = ""
    make_rule(make_channel())
    arise(trouble, "billing")
    assert send() == 1
    row = Notification.objects.get()
    assert (row.status, row.error) == ("waiting", "INVOICE_SMTP_HOST is not set.")


def test_a_message_holds_no_internal_numbers(trouble: Trouble, wired: Outside) -> None:
    make_rule(make_channel(address="ops@example.test"))
    trouble.findings = [Finding("channel:4711", "Messages to “Ops” don't arrive", count=2)]
    tick()
    assert send() == 1
    mail = wired.read_mail(wired.list_mails()[0]["number"])
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None and "4711" not in body.get_content()
