"""Who is told what and when: rules, quiet hours, reminders, recovery, and what comes and goes."""

import datetime as dt
from typing import Any

import pytest
from pytest_django import Settings

from alerts.models import Incident, Notification
from alerts.registry import Finding
from alerts.services import incidents, tick
from tests.alerts.conftest import Trouble
from tests.factories.alerts import make_channel, make_rule
from tests.factories.staff import make_staff

pytestmark = pytest.mark.django_db
# A Saturday morning in Dublin, in winter.
START = dt.datetime(2026, 1, 10, 9, tzinfo=dt.UTC)


def after(**span: float) -> dt.datetime:
    return START + dt.timedelta(**span)


def told() -> list[tuple[str, int, str]]:
    return list(Notification.objects.order_by("id").values_list("what", "number", "status"))


def send_all(moment: dt.datetime = START) -> None:
    """Let what waits be sent."""
    waiting = Notification.objects.filter(status="waiting", not_before__lte=moment)
    waiting.update(status="sent", attempts=1, sent_at=moment)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, True),
        ({"kinds": ["broken"]}, True),
        ({"kinds": ["burning"]}, False),
        ({"scopes": ["bill*"]}, True),
        ({"scopes": ["usage", "billing"]}, True),
        ({"scopes": ["usage"]}, False),
        ({"min_severity": "error"}, True),
        ({"min_severity": "critical"}, False),
        ({"min_count": 3}, True),
        ({"min_count": 4}, False),
        ({"is_enabled": False}, False),
    ],
)
def test_a_rule_wants_what_it_says(trouble: Trouble, values: dict[str, Any], wanted: bool) -> None:
    make_rule(make_channel(), **values)
    trouble.arise("billing", count=3)
    tick(START)
    assert told() == ([("opened", 1, "waiting")] if wanted else [])


def test_two_rules_tell_a_channel_once(trouble: Trouble) -> None:
    channel = make_channel()
    make_rule(channel)
    make_rule(channel, make_channel(), make_channel(enabled=False))
    trouble.arise("billing")
    tick(START)
    assert Notification.objects.count() == 2


def test_what_is_not_bad_enough_yet_is_told_when_it_is(trouble: Trouble) -> None:
    make_rule(make_channel(), min_count=3, min_minutes=10)
    for count, minutes, messages in ((3, 0, 0), (2, 11, 0), (3, 12, 1), (4, 13, 1)):
        trouble.arise("billing", count=count)
        tick(after(minutes=minutes))
        assert len(told()) == messages, (count, minutes)


def test_quiet_hours_wait_and_what_is_critical_does_not(trouble: Trouble) -> None:
    night = {"quiet_from": dt.time(22), "quiet_until": dt.time(7), "time_zone": "Europe/Dublin"}
    make_rule(make_channel(), **night)
    trouble.arise("billing")
    trouble.critical = [Finding("house", "The house burns")]
    # The night in which clocks go forward: seven in the morning is six by UTC.
    tick(dt.datetime(2026, 3, 29, 0, 30, tzinfo=dt.UTC))
    rows = {row.message["scope"]: row.not_before for row in Notification.objects.all()}
    assert rows == {
        "billing": dt.datetime(2026, 3, 29, 6, tzinfo=dt.UTC),
        "house": dt.datetime(2026, 3, 29, 0, 30, tzinfo=dt.UTC),
    }


def test_what_is_over_before_the_quiet_hours_are_is_told_in_one_message(trouble: Trouble) -> None:
    make_rule(make_channel(), quiet_from=dt.time(22), quiet_until=dt.time(7))
    trouble.arise("billing")
    tick(after(hours=15))
    trouble.end()
    tick(after(hours=16))
    assert told() == [("opened", 1, "skipped"), ("recovered", 1, "waiting")]
    assert Notification.objects.get(what="recovered").not_before == after(hours=22)


def test_reminders_come_every_so_many_hours(trouble: Trouble) -> None:
    make_rule(make_channel(), reminder_hours=6)
    trouble.arise("billing")
    tick(START)
    tick(after(hours=7))
    assert told() == [("opened", 1, "waiting")], "who was not told yet is not reminded"
    send_all()
    for hours in (5.9, 6, 6.1):
        tick(after(hours=hours))
    assert told()[1:] == [("reminder", 1, "waiting")]
    send_all(after(hours=6))
    for hours in (11.9, 12, 12.1):
        tick(after(hours=hours))
    assert told()[1:] == [("reminder", 1, "sent"), ("reminder", 2, "waiting")]


def test_nobody_is_reminded_without_wishing_it(trouble: Trouble) -> None:
    make_rule(make_channel(), reminder_hours=0)
    trouble.arise("billing")
    tick(START)
    send_all()
    tick(after(days=30))
    assert told() == [("opened", 1, "sent")]


def test_nobody_is_reminded_of_what_somebody_has_in_hand(trouble: Trouble) -> None:
    make_rule(make_channel(), reminder_hours=1)
    trouble.arise("billing", "usage")
    tick(START)
    send_all()
    incidents.acknowledge(Incident.objects.get(scope="billing").pk, make_staff())
    Incident.objects.filter(scope="usage").update(snoozed_until=after(hours=10))
    tick(after(hours=9))
    assert told() == [("opened", 1, "sent")] * 2
    tick(after(hours=11))
    assert [(row.what, row.message["scope"]) for row in Notification.objects.order_by("id")[2:]] == [
        ("reminder", "usage")
    ]
    trouble.end()
    tick(after(hours=12))
    assert [row.message["scope"] for row in Notification.objects.filter(what="recovered").order_by("id")] == [
        "billing",
        "usage",
    ]


def test_recovery_is_told_to_whom_the_opening_was(trouble: Trouble) -> None:
    both, quiet = make_channel(), make_channel()
    make_rule(both)
    make_rule(quiet, tells_recovery=False)
    trouble.arise("billing")
    tick(START)
    send_all()
    make_rule(make_channel())
    trouble.end()
    tick(after(minutes=1))
    row = Notification.objects.get(what="recovered")
    assert (row.channel, row.message["resolved_at"]) == (both, "2026-01-10T09:01:00Z")


def test_flapping_is_one_incident_and_one_message(trouble: Trouble, settings: Settings) -> None:
    settings.ALERTS_SETTLE_SECONDS = 60
    make_rule(make_channel())
    for times in range(30):
        trouble.arise(*(["billing"] if times % 2 == 0 else []))
        tick(after(seconds=20 * times))
        send_all(after(seconds=20 * times))
    incident = Incident.objects.get()
    assert (incident.is_open, incident.returns) == (True, 14)
    assert told() == [("opened", 1, "sent")]
    trouble.end()
    # It came back so often that only an hour's peace counts as the end.
    for minutes, is_open in ((20, True), (68, True), (70, False)):
        tick(after(minutes=minutes))
        incident.refresh_from_db()
        assert incident.is_open == is_open, minutes
    assert told()[1:] == [("recovered", 1, "waiting")]


def test_without_settling_each_flap_would_be_told(trouble: Trouble) -> None:
    """The negative control."""
    make_rule(make_channel())
    for times in range(30):
        trouble.arise(*(["billing"] if times % 2 == 0 else []))
        tick(after(seconds=20 * times))
        send_all(after(seconds=20 * times))
    assert (Incident.objects.count(), len(told())) == (15, 30)


def test_slow_flapping_takes_longer_to_settle_each_time(trouble: Trouble, settings: Settings) -> None:
    settings.ALERTS_SETTLE_SECONDS = 60
    make_rule(make_channel())
    # Ten minutes of trouble and five of peace, for six hours.
    for minute in range(0, 360, 5):
        trouble.arise(*(["billing"] if minute % 15 < 10 else []))
        tick(after(minutes=minute))
        send_all(after(minutes=minute))
    assert Incident.objects.count() <= 4
    assert len(told()) <= 8


def test_resolved_by_hand_stays_so_until_it_was_gone(trouble: Trouble) -> None:
    make_rule(make_channel())
    trouble.arise("billing")
    tick(START)
    send_all()
    user = make_staff(name="Grace")
    incidents.resolve(Incident.objects.get().pk, user, "It is known.")
    assert Notification.objects.get(what="recovered").message["note"] == "Grace: It is known."
    for minutes in (1, 2):
        tick(after(minutes=minutes))
    assert Incident.objects.filter(resolved_at=None).count() == 0
    trouble.end()
    tick(after(minutes=3))
    trouble.arise("billing")
    tick(after(minutes=4))
    assert Incident.objects.filter(resolved_at=None).count() == 1
    assert Incident.objects.count() == 2


def test_resolved_by_hand_opens_anew_when_there_is_more_of_it(trouble: Trouble) -> None:
    make_rule(make_channel())
    user = make_staff(name="Grace")
    opened = []
    # Three that nobody can repair are known; two of them go, and one comes that nobody knows.
    for minute, count in enumerate((3, 3, 1, 1, 2, 2)):
        trouble.arise("billing", count=count)
        tick(after(minutes=minute))
        send_all(after(minutes=minute))
        for incident in Incident.objects.filter(resolved_at=None):
            opened.append((minute, incident.count))
            incidents.resolve(incident.pk, user, "Known.")
    assert opened == [(0, 3), (4, 2)]
    assert Notification.objects.filter(what="opened").count() == 2
    assert list(Incident.objects.order_by("id").values_list("count", "is_found")) == [(1, False), (2, True)]


def test_a_check_that_fails_is_told_and_ends_nothing(trouble: Trouble, caplog: pytest.LogCaptureFixture) -> None:
    make_rule(make_channel())
    trouble.arise("billing")
    tick(START)
    trouble.findings = 17  # type: ignore[assignment]  # what a check must not give
    tick(after(minutes=1))
    tick(after(minutes=2))
    open_now = list(Incident.objects.filter(resolved_at=None).order_by("id").values_list("condition", "scope"))
    assert open_now == [("broken", "billing"), ("check-broken", "broken")]
    opened = Notification.objects.get(what="opened", incident__condition="check-broken").message
    assert (opened["kind_title"], opened["title"]) == (
        "A condition can't be checked", "“Something is broken” can't be checked",
    )  # fmt: skip
    trouble.end()
    tick(after(minutes=3))
    assert Incident.objects.filter(resolved_at=None).count() == 0
    assert "The condition broken could not be checked" in caplog.text


def test_what_nobody_declares_any_more_ends(trouble: Trouble) -> None:
    Incident.objects.create(condition="gone", scope="x", severity="error", title="Something of old")
    tick(START)
    assert Incident.objects.get().resolved_at == START
