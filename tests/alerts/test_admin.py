"""The admin of alerts: pages for those who may see them, buttons for those who may press them, secrets for nobody."""

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from alerts.models import Channel, Entry, Incident, Notification, Rule
from alerts.providers.webhook import new_secret
from alerts.selectors import count_undelivered
from alerts.services import tick
from common.clock import now
from tests.alerts.conftest import Trouble
from tests.alerts.receiver import Receiver
from tests.factories.alerts import make_channel, make_rule
from tests.factories.staff import log_in
from tests.outside import Outside

pytestmark = pytest.mark.django_db
LISTS = ["incident", "channel", "rule", "notification"]


@pytest.fixture
def incident(trouble: Trouble) -> Incident:
    """An open incident that one channel was told of."""
    make_rule(make_channel())
    trouble.arise("billing", detail="It <b>stopped</b>.", link="/admin/jobs/jobrun/", advice="Press “Rerun failed”.")
    tick()
    return Incident.objects.get()


def press(client: Client, incident: Incident, what: str, **values: Any) -> int:
    return client.post(reverse(f"admin:alerts_incident_{what}", args=[incident.pk]), values).status_code


@pytest.mark.parametrize("group", ["Finance", "Operations", "Support", "Read only"])
def test_everybody_sees_and_finance_and_operations_press(group: str, incident: Incident) -> None:
    client = log_in(group)
    for name in LISTS:
        assert client.get(reverse(f"admin:alerts_{name}_changelist")).status_code == 200
    page = client.get(reverse("admin:alerts_incident_change", args=[incident.pk])).content.decode()
    for text in ("billing is broken", "It &lt;b&gt;stopped&lt;/b&gt;.", "Press “Rerun failed”.", "/admin/jobs/jobrun/"):
        assert text in page
    may = group in {"Finance", "Operations"}
    assert ("Acknowledge" in page) == may
    assert press(client, incident, "acknowledge") == (302 if may else 403)
    incident.refresh_from_db()
    assert (incident.acknowledged_at is not None) == may
    for name in ("channel", "rule"):
        assert client.get(reverse(f"admin:alerts_{name}_add")).status_code == (200 if group == "Operations" else 403)


def _is_called_open(page: str) -> bool:
    """Return whether a label says so, not the filter."""
    return re.search(r">\s*Open\s*<", re.sub(r"<option.*?</option>", "", page, flags=re.DOTALL)) is not None


def test_a_snoozed_incident_says_until_when_and_is_not_called_open(incident: Incident) -> None:
    until = now().replace(microsecond=0) + dt.timedelta(hours=4)
    Incident.objects.update(snoozed_until=until)
    client, said = log_in("Operations"), f"Snoozed until {until:%Y-%m-%d %H:%M} UTC"
    changelist = reverse("admin:alerts_incident_changelist")
    page = reverse("admin:alerts_incident_change", args=[incident.pk])
    for address in (reverse("admin:index"), changelist, page):
        shown = client.get(address).content.decode()
        assert (said in shown, _is_called_open(shown)) == (True, False), address
    assert f"Incident, s{said[1:]}" in client.get(reverse("admin:search"), {"s": "billing is b"}).content.decode()
    for state, count in (("open", 1), ("unseen", 0), ("snoozed", 1), ("resolved", 0)):
        assert len(client.get(changelist, {"state": state}).context["cl"].result_list) == count, state
    press(client, incident, "acknowledge")
    assert f", s{said[1:]}" in client.get(page).content.decode()
    Incident.objects.update(snoozed_until=now(), acknowledged_at=None)
    shown = client.get(changelist).content.decode()
    assert ("Snoozed until" in shown, _is_called_open(shown)) == (False, True)


def test_buttons_are_pressed_by_post_alone(incident: Incident) -> None:
    client = log_in("Operations")
    for what in ("acknowledge", "snooze", "end_snooze", "resolve", "note"):
        # Whoever had to log in again comes by GET, and is told to press once more.
        answer = client.get(reverse(f"admin:alerts_incident_{what}", args=[incident.pk]), follow=True)
        assert "Nothing was done: press the button again." in answer.content.decode()
    assert Entry.objects.count() == 0
    assert client.post(reverse("admin:alerts_incident_note", args=[999_999]), {"note": "x"}).status_code == 404


def test_the_life_of_an_incident(incident: Incident, trouble: Trouble) -> None:
    client = log_in("Operations")
    press(client, incident, "acknowledge", note="Looking")
    press(client, incident, "acknowledge", note="Again")
    press(client, incident, "snooze", hours="4")
    press(client, incident, "snooze", hours="1000")
    press(client, incident, "note", note="The gateway is slow")
    press(client, incident, "resolve", note=" ")
    incident.refresh_from_db()
    assert incident.is_open
    press(client, incident, "resolve", note="Restarted it")
    press(client, incident, "resolve", note="Twice")
    incident.refresh_from_db()
    assert not incident.is_open
    assert str(incident.resolved_by) == str(incident.acknowledged_by)
    kinds = list(Entry.objects.values_list("kind", flat=True))
    assert kinds == ["acknowledged", "snoozed", "note", "resolved"]
    audited = AuditEntry.objects.filter(object_type="alerts.incident").order_by("id")
    assert [(entry.verb, entry.reason) for entry in audited][::3] == [
        ("acknowledge", "Looking"),
        ("resolve", "Restarted it"),
    ]
    page = client.get(reverse("admin:alerts_incident_change", args=[incident.pk])).content.decode()
    for text in ("Looking", "The gateway is slow", "Restarted it", "Opened"):
        assert text in page
    assert "Twice" not in page


def test_a_snooze_is_ended(incident: Incident) -> None:
    client, page = log_in("Operations"), reverse("admin:alerts_incident_change", args=[incident.pk])
    assert "End snooze" not in client.get(page).content.decode()
    assert press(client, incident, "end_snooze") == 302
    press(client, incident, "snooze", hours="24")
    assert "End snooze" in client.get(page).content.decode()
    assert press(log_in("Support"), incident, "end_snooze") == 403
    incident.refresh_from_db()
    assert incident.is_silent(now())
    for _ in range(2):
        press(client, incident, "end_snooze", note="It is worse than we thought")
    incident.refresh_from_db()
    assert (incident.snoozed_until, incident.is_silent(now())) == (None, False)
    assert list(Entry.objects.values_list("kind", "text"))[1:] == [("woken", "It is worse than we thought")]
    shown = client.get(page).content.decode()
    assert ("Snooze ended" in shown, "End snooze" in shown) == (True, False)


def test_somebody_else_takes_an_incident_over(incident: Incident) -> None:
    for name in ("Looking", "I have it now"):
        press(log_in("Operations"), incident, "acknowledge", note=name)
    incident.refresh_from_db()
    entries = Entry.objects.order_by("id")
    assert [(entry.kind, entry.text) for entry in entries] == [
        ("acknowledged", "Looking"), ("acknowledged", "I have it now"),
    ]  # fmt: skip
    assert incident.acknowledged_by == entries[1].author != entries[0].author


def test_lists_put_what_is_open_first(trouble: Trouble) -> None:
    trouble.arise("old", "new")
    tick()
    trouble.arise("old")
    tick()
    page = log_in("Read only").get(reverse("admin:alerts_incident_changelist"))
    assert [row.scope for row in page.context["cl"].result_list] == ["old", "new"]
    shown = log_in("Read only").get(reverse("admin:alerts_incident_changelist"), {"state": "resolved"})
    assert [row.scope for row in shown.context["cl"].result_list] == ["new"]


def add(client: Client, **values: str) -> Any:
    data = {"name": "Hook", "kind": "webhook", "is_enabled": "on", "address": "", "url": "", "topic": "", "secret": ""}
    return client.post(reverse("admin:alerts_channel_add"), {**data, **values}, follow=True)


def test_secrets_go_in_and_never_out(receiver: Receiver) -> None:
    client, secret = log_in("Operations"), new_secret()
    url = f"{receiver.url}?token=topsecrettoken"
    page = add(client, url=url, secret=secret).content.decode()
    channel = Channel.objects.get()
    assert (channel.config["url"], channel.config["secret"]) == (url, secret)
    assert channel.shown_as == f"http://127.0.0.1:{receiver.port}/…"
    change = reverse("admin:alerts_channel_change", args=[channel.pk])
    for content in (page, client.get(change).content.decode(), log_in("Support").get(change).content.decode()):
        assert channel.shown_as in content
        for hidden in (secret, "topsecrettoken"):
            assert hidden not in content
    client.post(change, {"name": "Renamed", "is_enabled": "on", "url": "", "secret": ""})
    channel.refresh_from_db()
    assert (channel.name, channel.config["url"], channel.config["secret"]) == ("Renamed", url, secret)
    assert secret not in repr(channel)
    audited = AuditEntry.objects.filter(object_type="alerts.channel").order_by("id")
    written = list(audited.values_list("verb", "before", "after"))
    assert [verb for verb, _, _ in written] == ["add", "change"]
    assert written[0][2] == {
        "name": "Hook", "kind": "Signed webhook", "is_enabled": True, "address and key": "changed",
        "goes to": channel.shown_as,
    }  # fmt: skip
    assert not any(hidden in str(written) for hidden in (secret, "topsecrettoken"))


def test_a_replaced_secret_signs_beside_the_new_one(receiver: Receiver) -> None:
    client, old, new = log_in("Operations"), new_secret(), new_secret()
    add(client, url=receiver.url, secret=old)
    channel = Channel.objects.get()
    change = reverse("admin:alerts_channel_change", args=[channel.pk])
    client.post(change, {"name": "Hook", "is_enabled": "on", "url": "", "secret": new})
    entry = AuditEntry.objects.filter(object_type="alerts.channel", verb="change").latest("id")
    assert (entry.before, entry.after) == ({}, {"address and key": "changed"})
    client.post(reverse("admin:alerts_channel_test", args=[channel.pk]))
    (request,) = receiver.requests
    assert len(request.headers["webhook-signature"].split()) == 2
    receiver.verify(request, old)
    receiver.verify(request, new)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "email", "address": "nobody"}, "Give one e-mail address"),
        ({"kind": "email", "address": "a@b.test, c@d.test"}, "Give one e-mail address"),
        ({"kind": "slack", "url": "file:///etc/passwd"}, "begins with https://"),
        ({"kind": "slack", "url": "https://hooks.example.com/x"}, "incoming webhook of Slack"),
        ({"kind": "webhook", "url": "https://127.0.0.1/", "secret": new_secret()}, "private network"),
        ({"kind": "webhook", "url": "https://169.254.169.254/latest", "secret": new_secret()}, "private network"),
        ({"kind": "webhook", "url": "https://2130706433/", "secret": new_secret()}, "private network"),
        ({"kind": "webhook", "url": "https://example.com/", "secret": "short"}, "24 to 64 bytes"),
        ({"kind": "webhook", "url": "", "secret": new_secret()}, "begins with https://"),
        ({"kind": "sns", "topic": "alerts"}, "ARN of a topic"),
        ({"kind": "apprise", "url": ""}, "as Apprise writes them"),
        ({"kind": "apprise", "url": "file:///etc/passwd"}, "Nothing is sent by"),
        ({"kind": "apprise", "url": "syslog://"}, "Nothing is sent by"),
        ({"kind": "apprise", "url": "json://127.0.0.1/x"}, "private network"),
        ({"kind": "apprise", "url": "json://[::1]:8080/x"}, "private network"),
        ({"kind": "apprise", "url": "json://2130706433/x"}, "private network"),
        ({"kind": "apprise", "url": "discord://"}, "read this address"),
    ],
)
def test_refused_channels(values: dict[str, str], said: str, settings: Any) -> None:
    settings.ALERTS_ALLOW_PRIVATE_ADDRESSES = False
    page = add(log_in("Operations"), **values).content.decode()
    assert said in page
    assert Channel.objects.count() == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://93.184.215.14/key", "https://93.184.215.14/…"),
        ("https://93.184.215.14:8443/key", "https://93.184.215.14:8443/…"),
        (
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/key",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/…",
        ),
        ("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/key", "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/…"),
    ],
)
def test_where_a_channel_goes_is_shown_with_its_port(url: str, shown: str) -> None:
    add(log_in("Operations"), url=url, secret=new_secret())
    assert Channel.objects.get().shown_as == shown


def test_slack_takes_its_own_hosts_and_those_that_are_set(settings: Any) -> None:
    settings.ALERTS_SLACK_HOSTS = ("chat.example.test",)
    client = log_in("Operations")
    for number, host in enumerate(
        ("hooks.slack.com", "chat.example.test", "127.0.0.1", "hooks.slack.com.example.test")
    ):
        add(client, name=f"Slack {number}", kind="slack", url=f"https://{host}/services/T0/B0/key")
    shown = Channel.objects.order_by("name").values_list("shown_as", flat=True)
    assert list(shown) == ["https://hooks.slack.com/…", "https://chat.example.test/…"]


@pytest.mark.parametrize(
    ("allowed", "said", "unsaid"),
    [
        (False, "Nothing is sent into this machine or a private network.", "also takes http://"),
        (True, "This installation also takes http://, this machine and private networks.", "Nothing is sent into"),
    ],
)
def test_the_form_says_which_addresses_are_taken(allowed: bool, said: str, unsaid: str, settings: Any) -> None:
    settings.ALERTS_ALLOW_PRIVATE_ADDRESSES = allowed
    page = log_in("Operations").get(reverse("admin:alerts_channel_add")).content.decode()
    assert (said in page, unsaid in page) == (True, False)


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Discord"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "Telegram"),
        ("ntfy://huntaze-alerts", "ntfy"),
    ],
)
def test_services_that_apprise_reaches(url: str, service: str, settings: Any) -> None:
    settings.ALERTS_ALLOW_PRIVATE_ADDRESSES = False
    add(log_in("Operations"), kind="apprise", url=url)
    channel = Channel.objects.get()
    assert (channel.shown_as, channel.config) == (service, {"url": url})


def test_the_test_tells_its_result(wired: Outside, receiver: Receiver) -> None:
    client = log_in("Operations")
    mailbox = make_channel(address="ops@example.test")
    hook = make_channel(Channel.Kind.WEBHOOK, url=receiver.url, secret=new_secret())
    page = client.post(reverse("admin:alerts_channel_test", args=[mailbox.pk]), follow=True).content.decode()
    assert "The test message was sent." in page
    (mail,) = wired.list_mails()
    assert (mail["to"], mail["subject"]) == (["ops@example.test"], f"Test of the channel “{mailbox}”")
    receiver.fail(500)
    page = client.post(reverse("admin:alerts_channel_test", args=[hook.pk]), follow=True).content.decode()
    assert "The test message was not sent: The receiver answered 500" in page
    assert list(Notification.objects.filter(channel=hook).values_list("status", "attempts")) == [("dead", 1)]
    assert client.get(reverse("admin:alerts_channel_test", args=[hook.pk])).status_code == 405
    assert log_in("Finance").post(reverse("admin:alerts_channel_test", args=[hook.pk])).status_code == 403


def test_a_message_is_seen_and_sent_again(incident: Incident, wired: Outside) -> None:
    row = Notification.objects.get()
    page = reverse("admin:alerts_notification_change", args=[row.pk])
    resend = reverse("admin:alerts_notification_resend", args=[row.pk])
    client = log_in("Operations")
    assert "Send again" not in client.get(page).content.decode()
    Notification.objects.update(status="dead", attempts=12, error="The mail server put it off.")
    content = client.get(page).content.decode()
    assert (
        "Send again" in content and "The mail server put it off." in content and "[Error] billing is broken" in content
    )
    assert log_in("Support").post(resend).status_code == 403
    client.post(resend)
    client.post(resend)
    row.refresh_from_db()
    assert (row.status, row.attempts, len(row.history)) == ("waiting", 0, 1)


def test_rules_are_made_from_what_is_declared(trouble: Trouble) -> None:
    client, channel = log_in("Operations"), make_channel()
    page = client.get(reverse("admin:alerts_rule_add")).content.decode()
    assert "Something is broken" in page and "Europe/Dublin" in page
    data = {
        "name": "At night", "is_enabled": "on", "kinds": ["broken"], "scopes": "billing-*\n\n monthly ",
        "channels": [channel.pk], "min_severity": "error", "min_count": "3", "min_minutes": "5",
        "quiet_from": "22:00", "quiet_until": "07:00", "time_zone": "Europe/Dublin", "reminder_hours": "12",
        "tells_recovery": "on",
    }  # fmt: skip
    assert client.post(reverse("admin:alerts_rule_add"), data).status_code == 302
    rule = Rule.objects.get()
    assert (rule.kinds, rule.scopes, rule.outcomes) == (["broken"], ["billing-*", "monthly"], [])
    wrongs: list[dict[str, Any]] = [
        {"min_count": "0"},
        {"quiet_until": ""},
        {"quiet_until": "22:00"},
        {"time_zone": "Mars"},
        {"kinds": ["made-up"]},
        {"channels": []},
    ]
    for wrong in wrongs:
        refused = client.post(reverse("admin:alerts_rule_add"), {**data, "name": "Other", **wrong})
        assert refused.status_code == 200, wrong
    assert Rule.objects.count() == 1


def test_the_front_page_shows_what_is_wrong(trouble: Trouble) -> None:
    front = reverse("admin:index")
    assert "Nobody is told when something goes wrong" in log_in("Finance").get(front).content.decode()
    assert reverse("admin:alerts_channel_add") in log_in("Operations").get(front).content.decode()
    make_rule(make_channel())
    trouble.arise("billing")
    tick()
    Notification.objects.update(status="dead")
    page = log_in("Finance").get(front).content.decode()
    assert "billing is broken" in page and "1 alert could not be sent" in page
    assert "Nobody is told" not in page


def test_a_failed_message_is_dismissed_and_restored(incident: Incident) -> None:
    row = Notification.objects.get()
    Notification.objects.update(status="dead", error="The mail server put it off.")
    address = reverse("admin:alerts_notification_dismiss", args=[row.pk])
    page = reverse("admin:alerts_notification_change", args=[row.pk])
    assert count_undelivered() == 1
    assert address not in log_in("Finance").get(page).content.decode()
    assert log_in("Finance").post(address, {"reason": "Nobody reads it."}).status_code == 403
    client = log_in("Operations")
    assert address in client.get(page).content.decode()
    client.post(address, {"reason": "Nobody reads it."})
    row.refresh_from_db()
    assert (row.status, row.error, count_undelivered()) == ("dismissed", "The mail server put it off.", 0)
    assert "Dismissed: Nobody reads it." in client.get(page).content.decode()
    client.post(reverse("admin:alerts_notification_restore", args=[row.pk]), {"reason": "Somebody does."})
    row.refresh_from_db()
    assert (row.status, row.dismissed_at, count_undelivered()) == ("dead", None, 1)
