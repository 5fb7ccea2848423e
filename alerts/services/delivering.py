"""One message to one channel: put into the form that the channel takes, and handed over."""

import datetime as dt
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from alerts.models import Channel, Notification
from alerts.providers import apprise, slack, sns, webhook
from alerts.providers.letters import Letter
from alerts.services.writing import write_letter
from common.clock import now
from common.errors import Misconfigured
from common.hosts import ascii_mailbox
from common.smtp import Mailer, get_mail_server


def deliver(row: Notification) -> str:
    """Send a message and return what the receiver said; raises one of the four kinds of errors otherwise."""
    letter = write_letter(row)
    config, private = row.channel.config, settings.ALERTS_ALLOW_PRIVATE_ADDRESSES
    match row.channel.kind:
        case Channel.Kind.EMAIL:
            return _send_mail(config["address"], row, letter)
        case Channel.Kind.SLACK:
            return slack.send(config, letter, allow_private=private)
        case Channel.Kind.SNS:
            return sns.send(config, letter, endpoint=settings.ALERTS_SNS_ENDPOINT)
        case Channel.Kind.WEBHOOK:
            return webhook.send(config, _list_secrets(config), letter, moment=now(), allow_private=private)
        case Channel.Kind.APPRISE:
            return apprise.send(config, letter, allow_private=private)
    raise Misconfigured(f"Nobody knows how to send by {row.channel.kind}.")


def _list_secrets(config: dict[str, Any]) -> list[str]:
    """List the secrets that sign: the one that holds, and for a while the one it replaced."""
    until = config.get("former_until")
    overlaps = until and dt.datetime.fromisoformat(until) > now()
    return [config["secret"], *([config["former_secret"]] if overlaps else [])]


def make_message_id(row: Notification) -> str:
    """Derive the Message-ID from the row, so that every attempt at it carries the same."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "huntaze.invalid"
    return f"<alert-{row.uid.hex}@{domain}>"


def _send_mail(address: str, row: Notification, letter: Letter) -> str:
    headers = {"Message-ID": make_message_id(row), "Auto-Submitted": "auto-generated"}
    if row.incident_id:
        # Mail programs show all that was sent about an incident together.
        headers["References"] = f"<incident-{row.incident_id}@{make_message_id(row).strip('<>').partition('@')[2]}>"
    message = EmailMultiAlternatives(
        letter.subject, letter.text, settings.DEFAULT_FROM_EMAIL, [ascii_mailbox(address)], headers=headers
    )
    message.attach_alternative(letter.html, "text/html")
    mailer = Mailer(get_mail_server())
    try:
        mailer.send(parseaddr(settings.DEFAULT_FROM_EMAIL)[1], address, message.message())
    finally:
        mailer.close()
    return "The mail server took it."
