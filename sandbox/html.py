"""The look that all pages share."""

from datetime import UTC, datetime
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5b6776; --line: #dde3ea; --paper: #fff; --back: #f4f6f8;
  --link: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --soft: #9aa7b8; --line: #313b49; --paper: #1b222c; --back: #12171e; --link: #8ab4f8; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
header { background: var(--paper); border-bottom: 1px solid var(--line); }
header div, main { max-width: 76rem; margin: 0 auto; padding: .75rem 1.25rem; }
header div { display: flex; gap: 1.5rem; align-items: baseline; flex-wrap: wrap; }
header strong { font-size: 1.05rem; } header a { text-decoration: none; }
main { padding-top: 1.25rem; padding-bottom: 3rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
a { color: var(--link); } p { margin: .25rem 0 1rem; } .soft { color: var(--soft); }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; }
.empty { padding: 2rem; text-align: center; color: var(--soft); }
table { width: 100%; border-collapse: collapse; }
td:first-child { min-width: 11rem; }
th, td { text-align: left; padding: .55rem .9rem; border-top: 1px solid var(--line); vertical-align: top; }
thead th, tbody:first-child tr:first-child > td { border-top: 0; }
thead th { font-size: .8rem; color: var(--soft); font-weight: 600; } tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
time, td a[href*="/invoices/"] { white-space: nowrap; }
.state { display: inline-block; padding: .05rem .55rem; border-radius: 99px; font-size: .82rem; font-weight: 600;
  background: #e8ecf1; color: #364152; }
.state.paid { background: #d8f3e0; color: #14602f; } .state.open { background: #dbe8fd; color: #0b45a5; }
.state.uncollectible { background: #fdebc8; color: #7a4b00; } .state.void { text-decoration: line-through; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; padding: 1rem 1.1rem; margin: 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; margin: 1.25rem 0; }
.tile { display: block; padding: 1rem 1.1rem; text-decoration: none; color: inherit; }
.tile b { display: block; color: var(--link); } a.tile:hover { border-color: var(--link); }
iframe { width: 100%; height: 32rem; border: 0; background: #fff; display: block; resize: vertical; }
pre { margin: 0; padding: 1rem 1.1rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
code { font-size: .88em; } button { font: inherit; padding: .45rem 1.1rem; border: 0; border-radius: 7px;
  background: var(--link); color: var(--paper); cursor: pointer; }
tfoot td, tfoot th { border-top: 2px solid var(--line); font-weight: 600; }
"""


def page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """A whole page; `body` is HTML, `title` is text."""
    return HTMLResponse(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Sandbox</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>
<header><div><strong><a href="/">Sandbox</a></strong><a href="/mail/">Mail</a><a href="/hooks/">Webhooks</a>
<a href="/stripe/dashboard">Stripe</a>
<span class="soft">Stand-ins for the outside world. Nothing here is real.</span></div></header>
<main>{body}</main></body></html>""",
        status,
    )


def table(heads: list[str], rows: list[list[str]], empty: str, foot: str = "") -> str:
    """A table of ready-made HTML cells, or a sentence when there is nothing; `>` before a head aligns right."""
    if not rows:
        return f'<div class="card"><div class="empty">{escape(empty)}</div></div>'
    sides = [' class="number"' if head.startswith(">") else "" for head in heads]
    top = "".join(f"<th{side}>{escape(head.lstrip('>'))}</th>" for head, side in zip(heads, sides, strict=True))
    lines = "".join(
        "<tr>" + "".join(f"<td{side}>{cell}</td>" for cell, side in zip(row, sides, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="card"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody>{foot}</table></div>'


def facts(entries: dict[str, str]) -> str:
    """Names and ready-made HTML values; empty values are left out."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in entries.items() if value)
    return f'<div class="card"><dl class="facts">{items}</dl></div>'


def link(url: str, text: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>'


def when(seconds: float | None) -> str:
    """An instant for people, in UTC."""
    return f"<time>{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC</time>" if seconds else ""


def day(seconds: float | None) -> str:
    return f"<time>{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}</time>" if seconds else ""


def size(octets: int) -> str:
    """A size for people."""
    return f"{octets} bytes" if octets < 1024 else f"{octets / 1024:,.0f} kB"
