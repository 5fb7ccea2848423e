"""Pages for people: what is here, and the mail that was received."""

from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.html import facts, link, page, size, table, when
from sandbox.mail import Mail
from sandbox.stripe.world import COLLECTIONS
from sandbox.world import World

_SHOWN = 500
_HARMLESS = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; font-src data:"
# What a browser may open in place. Anything else is only handed out as a file: it could carry scripts.
_INLINE = {"application/pdf", "image/gif", "image/jpeg", "image/png", "image/webp", "text/plain"}


def routes(world: World) -> list[Route]:
    pages = _Pages(world)
    return [
        Route("/", pages.index),
        Route("/mail", lambda request: RedirectResponse("/mail/")),
        Route("/mail/", pages.inbox),
        Route("/mail/{number:int}", pages.message),
        Route("/mail/{number:int}/html", pages.html),
        Route("/mail/{number:int}/raw", pages.raw),
        Route("/mail/{number:int}/parts/{index:int}", pages.part),
    ]


class _Pages:
    def __init__(self, world: World) -> None:
        self.world = world

    async def index(self, request: Request) -> Response:
        count = self.world.store.count
        tiles = (
            ("/mail/", "Mail", f"{self.world.mailbox.count()} messages received"),
            ("/hooks/", "Webhooks", f"{self.world.hooks.count()} deliveries received"),
            (
                "/stripe/dashboard",
                "Stripe",
                f"{count(COLLECTIONS['customer'], {'deleted': None})} customers,"
                f" {count(COLLECTIONS['invoice'])} invoices",
            ),
            ("/control/", "Control", "Faults, delays and the log of requests, as JSON"),
        )
        cells = "".join(
            f'<a class="card tile" href="{url}"><b>{name}</b><span class="soft">{text}</span></a>'
            for url, name, text in tiles
        )
        base = str(request.base_url).rstrip("/")
        addresses = facts(
            {
                "Stripe's API": f"<code>{base}/stripe</code> (keys beginning with <code>sk_test_</code>)",
                "OnlyFans gateway": f"<code>{base}/onlyfans</code>",
                "Receiver of webhooks": f"<code>{base}/hooks/…</code> (POST, any name)",
            }
        )
        return page(
            "Index",
            f"<h1>The outside world, for trying things out</h1><p class='soft'>What the program sends to Stripe, to the"
            f" OnlyFans gateway and by e-mail arrives here.</p><div class='tiles'>{cells}</div>"
            f"<h2>Addresses</h2>{addresses}",
        )

    async def inbox(self, request: Request) -> Response:
        rows = [
            [
                link(f"/mail/{mail.number}", mail.subject or "(no subject)"),
                escape(", ".join(mail.recipients)),
                escape(mail.sender),
                escape(", ".join(name for name, _, _ in _attachments(mail.message))) or "none",
                when(_sent_at(mail)),
            ]
            for mail in self.world.mailbox.all(_SHOWN)
        ]
        total = self.world.mailbox.count()
        note = f"the newest {_SHOWN} of {total}" if total > _SHOWN else f"{total} received"
        body = table(
            ["Subject", "To", "From", "Attachments", "Date"],
            rows,
            "No mail yet. What the program sends will appear here.",
        )
        return page("Mail", f"<h1>Mail</h1><p class='soft'>{note}</p>{body}")

    async def message(self, request: Request) -> Response:
        mail = self.world.mailbox.find(request.path_params["number"])
        return _message_page(mail) if mail else _nothing()

    async def html(self, request: Request) -> Response:
        mail = self.world.mailbox.find(request.path_params["number"])
        body = mail.message.get_body(("html",)) if mail else None
        if mail is None or body is None:
            return _nothing()
        text = body.get_content()
        for index, part in enumerate(mail.message.walk()):
            if content_id := part.get("Content-ID"):
                text = text.replace(f"cid:{content_id.strip('<> ')}", f"/mail/{mail.number}/parts/{index}")
        return HTMLResponse(text, headers={"Content-Security-Policy": _HARMLESS})

    async def raw(self, request: Request) -> Response:
        mail = self.world.mailbox.find(request.path_params["number"])
        return Response(mail.raw, media_type="text/plain; charset=utf-8") if mail else _nothing()

    async def part(self, request: Request) -> Response:
        mail = self.world.mailbox.find(request.path_params["number"])
        parts = list(mail.message.walk()) if mail else []
        index = request.path_params["index"]
        if index >= len(parts) or parts[index].is_multipart():
            return _nothing()
        part = parts[index]
        kind = part.get_content_type()
        inline = kind in _INLINE and "download" not in request.query_params
        name = (part.get_filename() or f"part-{index}").replace('"', "").encode("ascii", "replace").decode()
        headers = {
            "Content-Disposition": f'{"inline" if inline else "attachment"}; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        }
        return Response(_content(part), headers=headers, media_type=kind)


def _sent_at(mail: Mail) -> float:
    """Return when a message was sent, as it says itself; when it was received where it does not."""
    try:
        return parsedate_to_datetime(str(mail.message["Date"])).timestamp()
    except ValueError:
        return mail.received_at


def _attachments(message: EmailMessage) -> list[tuple[str, int, Message]]:
    return [
        (part.get_filename() or part.get_content_type(), index, part)
        for index, part in enumerate(message.walk())
        if part.get_content_disposition() == "attachment"
    ]


def _message_page(mail: Mail) -> Response:
    message = mail.message
    here = f"/mail/{mail.number}"
    files = [
        [
            link(f"{here}/parts/{index}", name),
            escape(part.get_content_type()),
            size(len(_content(part))),
            link(f"{here}/parts/{index}?download", "Download"),
        ]
        for name, index, part in _attachments(message)
    ]
    envelope = facts(
        {
            "From": escape(str(message.get("From", mail.sender))),
            "To": escape(", ".join(mail.recipients)),
            "Date": when(_sent_at(mail)),
            "Received": when(mail.received_at),
            "Message-ID": f"<code>{escape(mail.message_id)}</code>" if mail.message_id else "none",
            "Logged in as": escape(mail.login or ""),
        }
    )
    text = message.get_body(("plain",))
    sections = [
        f"<h1>{escape(mail.subject or '(no subject)')}</h1><p>{link('/mail/', '← All mail')}</p>{envelope}",
        "<h2>Attachments</h2>" + table(["Name", "Type", ">Size", ""], files, "None.") if files else "",
        f'<h2>Message</h2><div class="card"><iframe sandbox title="Message" src="{here}/html"></iframe></div>'
        if message.get_body(("html",))
        else "",
        f'<h2>As text</h2><div class="card"><pre>{escape(text.get_content())}</pre></div>' if text else "",
        f'<h2>Headers</h2><div class="card"><pre>{_headers(message)}</pre></div>'
        f"<p>{link(f'{here}/raw', 'The whole message as it came')}</p>",
    ]
    return page(mail.subject or "(no subject)", "".join(sections))


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _headers(message: EmailMessage) -> str:
    return escape("\n".join(f"{name}: {value}" for name, value in message.items()))


def _nothing() -> Response:
    return page("Not found", "<h1>Not found</h1><p>There is nothing at this address.</p>", 404)
