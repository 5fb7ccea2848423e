"""Forms as a browser sends them: what stands in the page, with some of it changed."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class _Fields(HTMLParser):
    """Gathers what each form of a page would send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, list[str]]] = []
        self._select = self._area = ""
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        name = values.get("name", "")
        if tag == "form":
            self.forms.append({})
        elif tag == "input" and self.forms and name and "disabled" not in values:
            box = values.get("type") in {"checkbox", "radio"}
            if values.get("type") not in {"submit", "file"} and (not box or "checked" in values):
                self.forms[-1].setdefault(name, []).append(values.get("value", "on" if box else ""))
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option":
            self._options.append((values.get("value", ""), "selected" in values))
        elif tag == "textarea" and self.forms:
            self._area = name
            self.forms[-1][name] = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select and self.forms:
            chosen = [value for value, is_chosen in self._options if is_chosen]
            self.forms[-1][self._select] = chosen or [value for value, _ in self._options[:1]]
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            before = self.forms[-1][self._area][0]
            self.forms[-1][self._area] = [before + data.removeprefix("\n") if not before else before + data]


def fill_in(client: Client, address: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Return what the largest form at an address would send after these changes; an address without one: those."""
    answer = client.get(address)
    if answer.status_code != 200:
        return changes
    page = _Fields()
    page.feed(answer.content.decode())
    largest = max(page.forms, key=len, default={})
    return {**{name: values for name, values in largest.items() if name != "csrfmiddlewaretoken"}, **changes}
