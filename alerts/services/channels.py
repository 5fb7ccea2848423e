"""Channels: what is accepted as an address, how secrets are kept, and the test that shows whether one works."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.services.auditing import record_action
from alerts.models import Channel, Notification, Rule, Severity
from alerts.providers import apprise, sns, webhook
from alerts.providers.addresses import check_url
from alerts.services.composing import describe_test
from alerts.services.ringing import BELL
from alerts.services.sending import NOTIFICATIONS
from common.clock import iso, now
from common.errors import Permanent, WorkError
from workqueue.services import requeue

if TYPE_CHECKING:
    from accounts.models import User

Kind = Channel.Kind
Config = dict[str, Any]
# How long a replaced secret still signs beside the new one, so that receivers can change over.
_OVERLAP = dt.timedelta(hours=24)
_SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
# Which fields say where a channel of a kind leads.
FIELDS: Mapping[str, tuple[str, ...]] = {
    Kind.EMAIL: ("address",),
    Kind.SLACK: ("url",),
    Kind.SNS: ("topic",),
    Kind.WEBHOOK: ("url", "secret"),
    Kind.APPRISE: ("url",),
}


class InvalidChannel(ValueError):
    """An address that is not accepted; `field` names which, the text says why, without repeating it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read_config(kind: str, values: Mapping[str, str], former: Config) -> tuple[Config, str]:
    """Return what is kept of a channel's address, and what may be shown of it; InvalidChannel where it is refused.

    What is left empty stays as it was.
    """
    given = {name: str(values.get(name) or "").strip() for name in FIELDS[kind]}
    return _READERS[kind](given, former)


def _read_email(given: Mapping[str, str], former: Config) -> tuple[Config, str]:
    address = given["address"] or str(former.get("address", ""))
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidChannel("address", "Give one e-mail address; make a channel for each person or list.") from None
    return {"address": address}, address


def _read_slack(given: Mapping[str, str], former: Config) -> tuple[Config, str]:
    url = given["url"] or str(former.get("url", ""))
    parts = _check(url)
    if parts.hostname not in {*_SLACK_HOSTS, *settings.ALERTS_SLACK_HOSTS}:
        raise InvalidChannel("url", f"Give an incoming webhook of Slack: it begins with https://{_SLACK_HOSTS[0]}/.")
    return {"url": url}, _show(parts)


def _read_webhook(given: Mapping[str, str], former: Config) -> tuple[Config, str]:
    url = given["url"] or str(former.get("url", ""))
    parts = _check(url)
    secret = given["secret"] or str(former.get("secret", ""))
    try:
        webhook.check_secret(secret)
    except Permanent as error:
        raise InvalidChannel("secret", error.message) from None
    kept: Config = {"url": url, "secret": secret}
    if former.get("secret") not in {None, secret}:
        kept |= {"former_secret": former["secret"], "former_until": iso(now() + _OVERLAP)}
    elif "former_secret" in former:
        kept |= {name: former[name] for name in ("former_secret", "former_until")}
    return kept, _show(parts)


def _read_sns(given: Mapping[str, str], former: Config) -> tuple[Config, str]:
    topic = given["topic"] or str(former.get("topic", ""))
    try:
        sns.read_region(topic)
    except Permanent as error:
        raise InvalidChannel("topic", error.message) from None
    return {"topic": topic}, topic


def _read_apprise(given: Mapping[str, str], former: Config) -> tuple[Config, str]:
    url = given["url"] or str(former.get("url", ""))
    if not url:
        raise InvalidChannel("url", "Give an address as Apprise writes them, like discord://….")
    try:
        service = apprise.check(url, allow_private=settings.ALERTS_ALLOW_PRIVATE_ADDRESSES)
    except WorkError as error:
        raise InvalidChannel("url", error.message) from None
    return {"url": url}, service


def _check(url: str) -> SplitResult:
    try:
        return check_url(url, allow_private=settings.ALERTS_ALLOW_PRIVATE_ADDRESSES)
    except Permanent as error:
        raise InvalidChannel("url", error.message) from None


def _show(parts: SplitResult) -> str:
    """Write where an address leads, without its path, which is a key."""
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}/…"


_READERS: Mapping[str, Callable[[Mapping[str, str], Config], tuple[Config, str]]] = {
    Kind.EMAIL: _read_email,
    Kind.SLACK: _read_slack,
    Kind.SNS: _read_sns,
    Kind.WEBHOOK: _read_webhook,
    Kind.APPRISE: _read_apprise,
}


def send_test(channel: Channel, actor: "User") -> Notification:
    """Send a message that says that the channel works, now and once; return it with what came of it."""
    with transaction.atomic():
        row = Notification.objects.create(
            channel=channel,
            what=Notification.What.TEST,
            event_key=f"test:{uuid.uuid4().hex}",
            message=describe_test(channel, str(actor)),
        )
        record_action("test", channel, actor=actor)
    if claimed := NOTIFICATIONS.claim_given(row.pk):
        NOTIFICATIONS.send(claimed)
    row.refresh_from_db()
    return row


@transaction.atomic
def resend(pk: int, actor: "User") -> Notification:
    """Send a message again under the same reference; Permanent where it waits or is being sent anyway."""
    row = Notification.objects.select_for_update(of=("self",)).select_related("channel").get(pk=pk)
    if row.status in Notification.UNENDED:
        raise Permanent("This message is on its way already.")
    if not row.channel.is_enabled:
        raise Permanent(f"The channel “{row.channel}” is switched off: switch it on first.")
    said = {"at": iso(now()), "outcome": "resend", "said": f"{actor} had it sent again."}
    values: dict[str, Any] = {"history": [*row.history, said], "not_before": now(), "retry_at": None}
    if row.what == Notification.What.OPENED:
        # Who hears of the opening now is told of the end, too.
        values["owes_end"] = Rule.objects.filter(pk__in=row.rules, tells_recovery=True).exists()
    requeue(Notification.objects.filter(pk=pk), values=values)
    Channel.objects.filter(pk=row.channel_id).update(rests_until=None)
    record_action("resend", row, actor=actor)
    transaction.on_commit(BELL.ring)
    row.refresh_from_db()
    return row


def ensure_default() -> None:
    """Where nobody made a channel yet, make one for `ALERTS_EMAIL`, and a rule that tells it of everything."""
    if not settings.ALERTS_EMAIL or Channel.objects.exists():
        return
    with transaction.atomic():
        config, shown_as = read_config(Kind.EMAIL, {"address": settings.ALERTS_EMAIL}, {})
        channel = Channel.objects.create(
            name=f"E-mail to {shown_as}"[:120], kind=Kind.EMAIL, config=config, shown_as=shown_as
        )
        rule, _ = Rule.objects.get_or_create(name="Everything", defaults={"min_severity": Severity.WARNING})
        rule.channels.add(channel)
