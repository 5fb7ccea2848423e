"""A webhook, signed by the Standard Webhooks scheme (https://www.standardwebhooks.com)."""

import datetime as dt
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from secrets import token_bytes
from typing import Any

from standardwebhooks import Webhook

from alerts.providers.http import post
from alerts.providers.letters import Letter
from common.errors import Permanent

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """Make a secret by which both sides sign."""
    return _PREFIX + b64encode(token_bytes(_SECRET_BYTES)).decode()


def check_secret(secret: str) -> None:
    """Refuse a secret that is none of the scheme's: Permanent, with a sentence for people."""
    try:
        size = len(b64decode(secret.removeprefix(_PREFIX), validate=True))
    except ValueError:
        size = 0
    if not secret.startswith(_PREFIX) or not 24 <= size <= 64:
        raise Permanent("Give whsec_ and 24 to 64 bytes in base64, or leave it empty to have one made.")


def send(
    config: Mapping[str, Any], secrets: Sequence[str], letter: Letter, *, moment: dt.datetime, allow_private: bool
) -> str:
    """Post the message as JSON; the receiver knows repeats by `webhook-id`."""
    body = json.dumps(letter.payload, separators=(",", ":"), ensure_ascii=False)
    signatures = [Webhook(secret).sign(letter.reference, moment, body) for secret in secrets]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Huntaze-Alerts/1",
        "webhook-id": letter.reference,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    status, said = post(config["url"], body.encode(), headers, service="The receiver", allow_private=allow_private)
    return f"{status} {said}".strip()
