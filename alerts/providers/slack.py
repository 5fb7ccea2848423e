"""Slack's incoming webhooks."""

import json
from collections.abc import Mapping
from typing import Any

from alerts.providers.http import post
from alerts.providers.letters import Letter


def send(config: Mapping[str, Any], letter: Letter, *, allow_private: bool) -> str:
    """Post the message as blocks. Slack drops no repeats."""
    body = json.dumps({"text": letter.subject, "blocks": list(letter.blocks)}, ensure_ascii=False)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    status, said = post(config["url"], body.encode(), headers, service="Slack", allow_private=allow_private)
    return f"{status} {said}".strip()
