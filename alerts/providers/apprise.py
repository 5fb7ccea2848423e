"""Whatever Apprise reaches, by way of a process that may call public addresses only."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alerts.providers.letters import Letter
from common.errors import OutcomeUnknown, Permanent, Retryable

_HOME = Path(__file__).resolve().parents[2]
_SECONDS = 45
# What the process may know of ours: where programs and certificates are, and nothing else.
_KEPT = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


def check(url: str, *, allow_private: bool) -> str:
    """Return the name of the service behind an address; Permanent where nothing is sent to such a one."""
    answer = _ask({"action": "check", "url": url, "allow_private": allow_private})
    if answer["outcome"] != "fine":
        raise Permanent(answer["said"])
    return str(answer["said"])


def send(config: Mapping[str, Any], letter: Letter, *, allow_private: bool) -> str:
    """Send the message as text. What a repeat does is up to the service."""
    asked = {"action": "send", "url": config["url"], "allow_private": allow_private}
    answer = _ask({**asked, "title": letter.subject, "text": letter.text})
    if answer["outcome"] == "refused":
        raise Permanent(answer["said"])
    if answer["outcome"] != "sent":
        why = f": {answer['why']}" if answer.get("why") else "."
        raise Retryable(f"{answer['said']} did not take the message{why}")
    return str(answer["said"])


def _ask(asked: dict[str, Any]) -> dict[str, Any]:
    """Let the other process do something; the address goes by standard input, where nobody sees it."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-m", "alerts.providers.courier"],
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_HOME,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OutcomeUnknown("The service did not answer in time: it may have the message.") from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise Retryable(f"Apprise ended with status {done.returncode} and said nothing.") from None
    return answer
