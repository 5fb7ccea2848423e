"""A message in every form: mail as text and HTML, Slack's blocks, a webhook's JSON. All say the same."""

import datetime as dt
import re
from typing import Any

from django.template.loader import render_to_string

from alerts.models import Notification, Severity
from alerts.providers.letters import Letter
from common.clock import iso

What = Notification.What
_MARKS = {
    Severity.INFO: ":information_source:",
    Severity.WARNING: ":warning:",
    Severity.ERROR: ":red_circle:",
    Severity.CRITICAL: ":rotating_light:",
}
# Slack refuses blocks with longer texts.
_SLACK_HEADER, _SLACK_TEXT, _SLACK_FIELD = 150, 2900, 1900
_CUT_ENTITY = re.compile(r"&[a-z]{0,4}\Z")
_LONGEST_SUBJECT = 200


def write_letter(row: Notification) -> Letter:
    """Put a message into words; the same row gives the same words at every attempt."""
    message = row.message
    subject = _write_subject(message)
    context = {"message": message, "subject": subject, "facts": _list_facts(message), "links": _list_links(message)}
    return Letter(
        reference=row.reference,
        subject=subject,
        text=render_to_string("alerts/email/message.txt", context).strip() + "\n",
        html=render_to_string("alerts/email/message.html", context),
        blocks=tuple(_write_blocks(message, subject)),
        payload=_write_payload(row),
        severity=str(message.get("severity", Severity.INFO)),
    )


def _write_subject(message: dict[str, Any]) -> str:
    title = " ".join(str(message["title"]).split())
    match message["what"]:
        case What.RECOVERED:
            start = "[Recovered] "
        case What.REMINDER:
            start = f"[{message['severity_label']}, reminder {message['number']}] "
        case What.OPENED:
            start = f"[{message['severity_label']}] "
        case _:
            start = ""
    return (start + title)[:_LONGEST_SUBJECT]


def _list_facts(message: dict[str, Any]) -> list[tuple[str, str]]:
    """List what is known, each with its name, the most urgent first."""
    facts = [
        ("Since", _write_instant(message.get("since_at"))),
        ("Until", _write_instant(message.get("resolved_at"))),
        ("When", _write_instant(message.get("occurred_at"))),
        ("How many", _write_count(message)),
        ("Came back", _write_returns(message)),
        ("Alert", message["kind_title"]),
        ("Outcome", str(message.get("outcome_label") or message.get("outcome") or "")),
        ("Note", str(message.get("note") or "")),
        ("Who may do it", str(message.get("who_may") or "")),
        ("Who may acknowledge it", str(message.get("who_may_acknowledge") or "")),
    ]
    return [(name, value) for name, value in facts if value]


def _write_instant(text: str | None) -> str:
    return f"{dt.datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC" if text else ""


def _write_count(message: dict[str, Any]) -> str:
    count = message.get("count", 0)
    return f"{count:,}" if count > 1 else ""


def _write_returns(message: dict[str, Any]) -> str:
    returns = message.get("returns", 0)
    return {0: "", 1: "once"}.get(returns, f"{returns} times")


def _list_links(message: dict[str, Any]) -> list[tuple[str, str]]:
    """List what to press: what it is about, and the incident, where it can be acknowledged."""
    over = message["what"] == What.RECOVERED
    links = [
        ("See what it is about", message.get("link", "")),
        ("See the incident" if over else "Acknowledge, snooze or resolve", message.get("incident_url", "")),
    ]
    return [(text, url) for text, url in links if url]


def _write_blocks(message: dict[str, Any], subject: str) -> list[dict[str, Any]]:
    mark = ":white_check_mark:" if message["what"] == What.RECOVERED else _MARKS[Severity(message["severity"])]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": f"{mark} {subject}"[:_SLACK_HEADER], "emoji": True}}
    ]
    blocks += [
        {"type": "section", "text": {"type": "mrkdwn", "text": _escape(text, _SLACK_TEXT)}}
        for text in (message.get("detail"), message.get("advice") and f"What to do: {message['advice']}")
        if text
    ]
    fields = [
        {"type": "mrkdwn", "text": f"*{name}*\n{_escape(value, _SLACK_FIELD)}"} for name, value in _list_facts(message)
    ]
    blocks.append({"type": "section", "fields": fields[:10]})
    buttons = [
        {"type": "button", "text": {"type": "plain_text", "text": text[:75]}, "url": url, "action_id": f"open_{place}"}
        for place, (text, url) in enumerate(_list_links(message))
        if len(url) <= 3000
    ]
    return [*blocks, {"type": "actions", "elements": buttons}] if buttons else blocks


def _escape(text: str, longest: int) -> str:
    """Keep Slack from reading a text as markup that mentions people or leads elsewhere; cut between characters."""
    whole = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return whole if len(whole) <= longest else _CUT_ENTITY.sub("", whole[:longest])


def _write_payload(row: Notification) -> dict[str, Any]:
    message = row.message
    if row.what == What.EVENT:
        data = {
            "scope": message["scope"],
            "title": message["title"],
            "detail": message["detail"],
            "outcome": message["outcome"],
            "severity": message["severity"],
            "link": message["link"],
            **message["payload"],
        }
    else:
        names = ("kind", "scope", "severity", "title", "detail", "advice", "count", "note", "link")
        data = {name: message[name] for name in names if name in message} | _name_instants(message)
    return {"type": message["type"], "timestamp": iso(row.created_at), "data": data}


def _name_instants(message: dict[str, Any]) -> dict[str, Any]:
    names = {
        "since_at": "since",
        "opened_at": "openedAt",
        "resolved_at": "resolvedAt",
        "incident": "incidentId",
        "incident_url": "incidentUrl",
        "number": "number",
    }
    return {ours: message[name] or None for name, ours in names.items() if name in message}
