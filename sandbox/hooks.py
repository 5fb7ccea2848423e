"""A receiver of webhooks that keeps what it gets, and judges signatures as the Standard Webhooks scheme says."""

import base64
import hmac
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.html import facts, link, page, table, when

_SHOWN = 500
_LARGEST = 1024 * 1024
_TOLERANCE = 300
_SCHEMA = """
CREATE TABLE IF NOT EXISTS hooks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    received_at REAL NOT NULL,
    hook_id TEXT NOT NULL,
    verdict TEXT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS hook_secrets (name TEXT PRIMARY KEY, secret TEXT NOT NULL);
"""


@dataclass
class Hook:
    """One delivery as it was received; `verdict` says what its signature is worth."""

    number: int
    name: str
    received_at: float
    hook_id: str
    verdict: str
    headers: dict[str, str]
    body: str

    @property
    def content(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def type(self) -> str:
        content = self.content
        return str(content.get("type", "")) if isinstance(content, dict) else ""


class Receiver:
    """The deliveries, and by receiver's name the secret that signs them."""

    def __init__(self, path: Path | None) -> None:
        self._connection = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def clear(self) -> None:
        self._connection.executescript("DELETE FROM hooks; DELETE FROM hook_secrets;")

    def trust(self, name: str, secret: str) -> None:
        """Judges signatures at a receiver by a secret, `whsec_…`. Raises ValueError where it is none."""
        base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        self._connection.execute("INSERT OR REPLACE INTO hook_secrets VALUES (?, ?)", (name, secret))

    def keep(self, name: str, headers: dict[str, str], body: bytes) -> str:
        verdict = self._judge(name, headers, body)
        row = (name, time.time(), headers.get("webhook-id", ""), verdict, json.dumps(headers))
        self._connection.execute(
            "INSERT INTO hooks (name, received_at, hook_id, verdict, headers, body) VALUES (?, ?, ?, ?, ?, ?)",
            (*row, body.decode(errors="replace")),
        )
        return verdict

    def _judge(self, name: str, headers: dict[str, str], body: bytes) -> str:
        found = self._connection.execute("SELECT secret FROM hook_secrets WHERE name = ?", (name,)).fetchone()
        signed = [part.partition(",") for part in headers.get("webhook-signature", "").split()]
        if not found or not signed:
            return "unsigned" if found else "not judged: no secret is known here"
        stamp = headers.get("webhook-timestamp", "")
        if not stamp.isdecimal() or abs(time.time() - int(stamp[:12])) > _TOLERANCE:
            return "too old"
        content = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
        digest = hmac.digest(base64.b64decode(found[0].removeprefix("whsec_")), content, "sha256")
        mine = base64.b64encode(digest).decode()
        fits = any(version == "v1" and hmac.compare_digest(mine, given) for version, _, given in signed)
        return "fits" if fits else "does not fit"

    def all(self, limit: int = -1) -> Iterator[Hook]:
        """Deliveries, newest first."""
        for row in self._connection.execute("SELECT * FROM hooks ORDER BY number DESC LIMIT ?", (limit,)):
            yield _hook(row)

    def find(self, number: int) -> Hook | None:
        row = self._connection.execute("SELECT * FROM hooks WHERE number = ?", (number,)).fetchone()
        return _hook(row) if row else None

    def count(self) -> int:
        number: int = self._connection.execute("SELECT count(*) FROM hooks").fetchone()[0]
        return number

    def describe(self) -> list[dict[str, Any]]:
        """The deliveries for programs, oldest first."""
        return [
            {
                "number": hook.number,
                "name": hook.name,
                "id": hook.hook_id,
                "verdict": hook.verdict,
                "body": hook.content,
            }
            for hook in reversed(list(self.all()))
        ]


def _hook(row: tuple[Any, ...]) -> Hook:
    number, name, received_at, hook_id, verdict, headers, body = row
    return Hook(number, name, received_at, hook_id, verdict, json.loads(headers), body)


def routes(receiver: Receiver) -> list[Route]:
    """Where webhooks are sent to, and where people look at them."""

    async def receive(request: Request) -> Response:
        body = await request.body()
        if len(body) > _LARGEST:
            return JSONResponse({"error": "too large"}, 413)
        verdict = receiver.keep(request.path_params["name"], dict(request.headers), body)
        return JSONResponse({"received": True, "signature": verdict})

    async def inbox(request: Request) -> Response:
        return _list_page(receiver)

    async def one(request: Request) -> Response:
        hook = receiver.find(request.path_params["number"])
        return _hook_page(hook) if hook else page("Not found", "<h1>Not found</h1>", 404)

    return [
        Route("/hooks", lambda request: RedirectResponse("/hooks/")),
        Route("/hooks/", inbox),
        Route("/hooks/{number:int}", one),
        Route("/hooks/{name}", receive, methods=["POST"]),
    ]


def _list_page(receiver: Receiver) -> Response:
    rows = [
        [
            link(f"/hooks/{hook.number}", _title(hook)),
            f"<code>{escape(hook.type)}</code>",
            f"<code>{escape(hook.hook_id)}</code>",
            escape(hook.verdict),
            when(hook.received_at),
        ]
        for hook in receiver.all(_SHOWN)
    ]
    total = receiver.count()
    note = f"the newest {_SHOWN} of {total}" if total > _SHOWN else f"{total} received"
    heads = ["What", "Type", "webhook-id", "Signature", "Received"]
    listed = table(heads, rows, "No webhook yet. What the program sends will appear here.")
    return page("Webhooks", f"<h1>Webhooks</h1><p class='soft'>{note}</p>{listed}")


def _title(hook: Hook) -> str:
    content = hook.content if isinstance(hook.content, dict) else {}
    data = content.get("data")
    title = data.get("title") if isinstance(data, dict) else None
    return str(title or hook.type or f"Delivery {hook.number}")


def _hook_page(hook: Hook) -> Response:
    known = {
        "Receiver": f"<code>/hooks/{escape(hook.name)}</code>",
        "Received": when(hook.received_at),
        "Type": f"<code>{escape(hook.type)}</code>",
        "webhook-id": f"<code>{escape(hook.hook_id)}</code>",
        "Signature": escape(hook.verdict),
    }
    body = json.dumps(hook.content, indent=2, ensure_ascii=False) if hook.content is not None else hook.body
    heads = "\n".join(f"{name}: {value}" for name, value in hook.headers.items())
    sections = [
        f"<h1>{escape(_title(hook))}</h1><p>{link('/hooks/', '← All webhooks')}</p>{facts(known)}",
        f'<h2>Body</h2><div class="card"><pre>{escape(body)}</pre></div>',
        f'<h2>Headers</h2><div class="card"><pre>{escape(heads)}</pre></div>',
    ]
    return page(_title(hook), "".join(sections))
