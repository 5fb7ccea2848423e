"""Several rules on one channel, and what becomes of a message when rules, channels and incidents change meanwhile."""

import datetime as dt

import pytest
from django.db.models import Q
from pytest_django import Settings

from alerts.models import Channel, Incident, Notification
from alerts.registry import declare_event
from alerts.services import incidents, publish_event, tick
from alerts.services.channels import resend
from alerts.services.sending import NOTIFICATIONS
from common.errors import OutcomeUnknown, Retryable
from tests.alerts.conftest import Trouble
from tests.factories.alerts import make_channel, make_rule
from tests.factories.staff import make_staff

pytestmark = pytest.mark.django_db
NIGHT = {"quiet_from": dt.time(22), "quiet_until": dt.time(7)}
Sent = tuple[str, str]


def at(text: str) -> dt.datetime:
    """Read an instant of two days in January: `21:30`, or `+07:00` of the second one."""
    day = dt.date(2026, 1, 11 if text.startswith("+") else 10)
    return dt.datetime.combine(day, dt.time.fromisoformat(text.removeprefix("+")), dt.UTC)


class Broken:
    """Raises, as a receiver that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self) -> str:
        raise self.error


def send(text: str, error: Exception | None = None) -> list[str]:
    """Look, then send what may be sent; return what arrived, or was tried in vain."""
    moment, sent = at(text), []
    tick(moment)
    while rows := NOTIFICATIONS.claim(moment=moment):
        (row,) = rows
        if not NOTIFICATIONS.ends_unsent(row, moment):
            NOTIFICATIONS.finish(row, Broken(error) if error else lambda: "fine", moment)
            sent.append(row.what)
    Channel.objects.update(rests_until=None)
    return sent


@pytest.fixture
def channel() -> Channel:
    return make_channel()


def switch(channel: Channel, *, on: bool) -> None:
    Channel.objects.filter(pk=channel.pk).update(is_enabled=on)


def statuses() -> list[tuple[str, str]]:
    return list(Notification.objects.order_by("id").values_list("what", "status"))


def test_quiet_hours_hide_no_rule_without_any(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel, **NIGHT)
    make_rule(channel, min_minutes=30)
    trouble.arise("billing")
    assert [send(text) for text in ("22:10", "22:39", "22:40", "22:50", "+07:00")] == [[], [], ["opened"], [], []]


def test_quiet_hours_hide_no_reminder_of_another_rule(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel, reminder_hours=2, **NIGHT)
    make_rule(channel, reminder_hours=4)
    trouble.arise("billing")
    sent = [send(text) for text in ("20:30", "22:30", "+00:29", "+00:30", "+04:29", "+04:30", "+07:00")]
    assert sent == [["opened"], [], [], ["reminder"], [], ["reminder"], ["reminder"]]


def test_the_end_keeps_to_the_quiet_hours_of_the_rules_that_asked(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel, **NIGHT)
    make_rule(channel, min_minutes=60)
    make_rule(channel, tells_recovery=False)
    trouble.arise("billing", "usage")
    assert send("21:30") == ["opened", "opened"]
    trouble.arise("billing")
    assert send("22:20") == [], "the second rule never asked for it, and the third tells of no recovery"
    assert send("22:40") == []
    trouble.end()
    assert send("22:41") == ["recovered"], "the second rule asked by then"
    assert (send("+06:59"), send("+07:00")) == ([], ["recovered"])


def test_a_rule_that_asks_later_promises_the_end(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel, tells_recovery=False)
    make_rule(channel, min_minutes=30)
    trouble.arise("billing", "usage")
    send("09:00")
    trouble.arise("billing")
    assert send("09:29") == []
    send("09:31")
    trouble.end()
    assert send("09:40") == ["recovered"]


@pytest.mark.parametrize("how", ["acknowledge", "snooze", "tick"])
def test_a_reminder_that_waits_is_not_sent_once_somebody_has_it_in_hand(
    trouble: Trouble, channel: Channel, how: str
) -> None:
    make_rule(channel, reminder_hours=1)
    trouble.arise("billing")
    assert send("09:00") == ["opened"]
    assert send("10:00", Retryable("Busy.")) == ["reminder"]
    incident, staff = Incident.objects.get(), make_staff()
    if how == "acknowledge":
        incidents.acknowledge(incident.pk, staff, moment=at("10:00"))
    elif how == "snooze":
        incidents.snooze(incident.pk, staff, at("20:00"), moment=at("10:00"))
    else:
        Incident.objects.update(snoozed_until=at("20:00"))
    assert send("10:01") == []
    assert statuses() == [("opened", "sent"), ("reminder", "skipped")]
    assert send("20:00") == ([] if how == "acknowledge" else ["reminder"])


def test_a_sender_that_is_late_sends_no_reminder_either(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel, reminder_hours=1)
    trouble.arise("billing")
    send("09:00")
    tick(at("10:00"))
    Incident.objects.update(acknowledged_at=at("10:00"))
    (row,) = NOTIFICATIONS.claim(moment=at("10:00"))
    assert NOTIFICATIONS.ends_unsent(row, at("10:00"))
    assert statuses()[1:] == [("reminder", "skipped")]


def test_what_is_acknowledged_in_quiet_hours_brings_no_reminder_after_them(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel, reminder_hours=3, **NIGHT)
    trouble.arise("billing")
    assert (send("21:00"), send("+00:10")) == (["opened"], [])
    incidents.acknowledge(Incident.objects.get().pk, make_staff(), moment=at("+03:00"))
    assert send("+07:00") == []


def test_a_channel_that_was_off_at_the_end_hears_of_it_when_it_is_on(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel)
    trouble.arise("billing")
    assert send("09:00") == ["opened"]
    switch(channel, on=False)
    trouble.end()
    assert (send("10:00"), send("11:00")) == ([], [])
    switch(channel, on=True)
    assert (send("12:00"), send("12:01")) == (["recovered"], [])
    assert not Notification.objects.filter(owes_end=True).exists() or send("12:02") == []


def test_a_channel_that_is_switched_off_before_the_end_arrives_hears_of_it_later(
    trouble: Trouble, channel: Channel
) -> None:
    make_rule(channel, **NIGHT)
    trouble.arise("billing")
    send("21:00")
    trouble.end()
    assert send("23:00") == []
    switch(channel, on=False)
    assert send("+07:00") == []
    assert statuses() == [("opened", "sent"), ("recovered", "skipped")]
    switch(channel, on=True)
    assert (send("+08:00"), send("+08:01")) == (["recovered"], [])


def test_a_channel_that_was_off_hears_of_what_is_still_open_and_of_nothing_else(
    trouble: Trouble, channel: Channel
) -> None:
    make_rule(channel, **NIGHT)
    trouble.arise("billing", "usage")
    assert send("23:00") == []
    switch(channel, on=False)
    trouble.arise("billing")
    assert send("+07:30") == []
    switch(channel, on=True)
    assert send("+08:00") == ["opened"]
    trouble.end()
    assert send("+09:00") == ["recovered"]
    told = Notification.objects.filter(status="sent").order_by("id")
    assert [(row.what, row.message["scope"]) for row in told] == [("opened", "billing"), ("recovered", "billing")]


@pytest.mark.parametrize("how", ["narrowed", "off", "deleted", "channel"])
def test_a_rule_that_was_narrowed_leaves_no_opening_without_its_end(
    trouble: Trouble, channel: Channel, how: str
) -> None:
    rule = make_rule(channel)
    trouble.arise("billing")
    assert send("09:00") == ["opened"]
    if how == "narrowed":
        rule.scopes = ["usage"]
        rule.save()
    elif how == "off":
        rule.is_enabled = False
        rule.save()
    elif how == "channel":
        rule.channels.set([make_channel()])
    else:
        rule.delete()
    sent = send("09:10")
    trouble.end()
    assert [*sent, *send("10:00")].count("recovered") == (2 if how == "channel" else 1)
    assert Notification.objects.get(Q(what="recovered"), channel=channel).status == "sent"
    assert send("11:00") == []


def test_a_rule_that_was_narrowed_brings_no_end_without_an_opening(trouble: Trouble, channel: Channel) -> None:
    rule = make_rule(channel, **NIGHT)
    trouble.arise("billing")
    assert send("23:00") == []
    rule.scopes = ["usage"]
    rule.save()
    assert send("23:30") == []
    assert statuses() == [("opened", "skipped")]
    trouble.end()
    assert (send("+06:00"), send("+07:00")) == ([], [])
    assert statuses() == [("opened", "skipped")]


def test_a_rule_that_is_widened_again_asks_again(trouble: Trouble, channel: Channel) -> None:
    rule = make_rule(channel, **NIGHT)
    trouble.arise("billing")
    send("23:00")
    for scopes, text in ((["usage"], "23:30"), ([], "23:40")):
        rule.scopes = scopes
        rule.save()
        send(text)
    assert send("+07:00") == ["opened"]
    assert statuses() == [("opened", "sent")]


@pytest.mark.parametrize("error", [Retryable("Busy."), OutcomeUnknown("Perhaps.")])
def test_no_retry_goes_out_in_quiet_hours(trouble: Trouble, channel: Channel, error: Exception) -> None:
    make_rule(channel, **NIGHT)
    trouble.arise("billing")
    assert send("21:59:58", error) == ["opened"]
    assert Notification.objects.get().not_before == at("+07:00")
    assert (send("22:05"), send("+06:59"), send("+07:00")) == ([], [], ["opened"])


def test_a_sender_that_is_late_keeps_to_quiet_hours(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel, **NIGHT)
    trouble.arise("billing")
    tick(at("21:59"))
    assert not NOTIFICATIONS.claim(moment=at("22:01"))
    assert Notification.objects.get().not_before == at("+07:00")


def test_a_retry_passes_quiet_hours_with_a_rule_that_has_none(trouble: Trouble, channel: Channel) -> None:
    make_rule(channel, **NIGHT)
    make_rule(channel, min_minutes=30)
    trouble.arise("billing")
    assert send("21:59:58", Retryable("Busy.")) == ["opened"]
    assert (send("22:20"), send("22:30")) == ([], ["opened"])


def test_a_retry_keeps_its_pause_when_quiet_hours_are_lifted(
    trouble: Trouble, channel: Channel, settings: Settings
) -> None:
    settings.ALERTS_RETRY_BASE_SECONDS, settings.ALERTS_RETRY_MAX_SECONDS = 1200, 1200
    rule = make_rule(channel, **NIGHT)
    trouble.arise("billing")
    assert send("21:59", Retryable("Busy.")) == ["opened"]
    rule.quiet_from = rule.quiet_until = None
    rule.save()
    assert (send("22:01"), send("22:07"), send("22:20")) == ([], [], ["opened"])


def test_no_retry_of_an_event_goes_out_in_quiet_hours(trouble: Trouble, channel: Channel) -> None:
    declare_event("parcel-sent", title="A parcel was sent")
    make_rule(channel, kinds=["parcel-sent"], **NIGHT)
    publish_event("parcel-sent", "depot", "A parcel was sent")
    Notification.objects.update(not_before=at("21:00"))
    assert send("21:59:58", Retryable("Busy.")) == ["event"]
    assert (send("23:00"), send("+07:00")) == ([], ["event"])


def test_what_is_sent_again_by_hand_is_told_of_its_end(trouble: Trouble, channel: Channel, settings: Settings) -> None:
    settings.ALERTS_MAX_ATTEMPTS = 1
    make_rule(channel)
    trouble.arise("billing")
    assert send("09:00", Retryable("Busy.")) == ["opened"]
    resend(Notification.objects.get().pk, make_staff())
    Notification.objects.update(not_before=at("09:10"))
    assert send("09:10") == ["opened"]
    trouble.end()
    assert send("10:00") == ["recovered"]


def test_what_flapped_for_a_day_settles_quickly_again(trouble: Trouble, settings: Settings) -> None:
    settings.ALERTS_SETTLE_SECONDS = 60
    for minute in range(0, 60, 2):
        trouble.arise("billing")
        tick(at("09:00") + dt.timedelta(minutes=minute))
        trouble.end()
        tick(at("09:00") + dt.timedelta(minutes=minute, seconds=20))
    trouble.arise("billing")
    tick(at("10:00"))
    incident = Incident.objects.get()
    assert (incident.returns, incident.is_open) == (30, True)
    # Fourteen hours of steady trouble later, it is gone at last.
    tick(at("+00:00"))
    trouble.end()
    for text, is_open in (("+00:10", True), ("+00:10:59", True), ("+00:11", False)):
        tick(at(text))
        incident.refresh_from_db()
        assert incident.is_open == is_open, text


def test_what_opens_soon_after_its_end_came_back_too(trouble: Trouble, settings: Settings) -> None:
    settings.ALERTS_SETTLE_SECONDS = 60
    trouble.arise("billing")
    tick(at("09:00"))
    trouble.end()
    for text in ("09:10", "09:11"):
        tick(at(text))
    assert Incident.objects.filter(resolved_at=at("09:11")).count() == 1
    trouble.arise("billing")
    tick(at("09:20"))
    trouble.end()
    for text, count in (("09:30", 1), ("09:31", 1), ("09:32", 0)):
        tick(at(text))
        assert Incident.objects.filter(resolved_at=None).count() == count, text
