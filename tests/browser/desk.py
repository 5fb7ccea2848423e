"""A member of staff at a browser, and an eye on everything that should never happen in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.test import Client
from playwright.sync_api import APIResponse, Browser, BrowserContext, ConsoleMessage, Locator, Request, Response, expect

from accounts.models import User

# How long a person would wait before calling somebody; what is asserted is what they see, and never the time.
PATIENCE_MS = 30_000
LAPTOP, PHONE = (1440, 900), (390, 844)
_OWN_SCHEMES = ("data:", "blob:", "about:", "chrome:", "chrome-extension:")
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation",
    event => window.reportViolation(`${event.violatedDirective} kept out ${event.blockedURI} (${event.sourceFile})`));
"""
_READ_OFFERS = """
elements => elements.filter(element => element.checkVisibility()).map(element => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll(".material-symbols-outlined").forEach(icon => icon.remove());
    return copy.textContent.trim();
})
"""
_READ_FIGURES = """
figures => Object.fromEntries(figures.map(figure =>
    [figure.querySelector("dt").textContent, figure.querySelector("dd").textContent]))
"""


class Watch:
    """Remembers what staff should never meet: errors in the console, broken policies, failed or foreign requests."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.problems: list[str] = []
        self._url = url
        self._expected: list[tuple[int, str]] = []
        context.expose_binding("reportViolation", lambda source, text: self.problems.append(f"Policy: {text}"))
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.problems.append(f"Script: {error.error}"))
        context.on("request", self._see_request)
        context.on("requestfailed", self._see_failure)
        context.on("response", self._see_response)

    @contextmanager
    def expecting(self, status: int, path: str) -> Iterator[None]:
        """Let an address answer with an error during the block."""
        self._expected.append((status, path))
        yield
        self._expected.remove((status, path))

    def _hear(self, message: ConsoleMessage) -> None:
        # What could not be loaded is seen below, with its status.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.problems.append(f"Console: {message.text}")

    def _see_request(self, request: Request) -> None:
        if not request.url.startswith((self._url, *_OWN_SCHEMES)):
            self.problems.append(f"Request to somebody else: {request.url}")

    def _see_failure(self, request: Request) -> None:
        # A page that is left stops what it was loading.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"Request failed: {request.url} ({request.failure})")

    def _see_response(self, response: Response) -> None:
        if response.status >= 400 and (response.status, response.url.removeprefix(self._url)) not in self._expected:
            self.problems.append(f"{response.status} from {response.url}")


class Desk:
    """Somebody's browser window."""

    def __init__(self, browser: Browser, url: str, size: tuple[int, int] = LAPTOP) -> None:
        width, height = size
        self.url = url
        self._context = browser.new_context(base_url=url, viewport={"width": width, "height": height})
        self._context.set_default_timeout(PATIENCE_MS)
        self.watch = Watch(self._context, url)
        self.page = self._context.new_page()

    def close(self) -> None:
        """Close the window."""
        self._context.close()

    def photograph(self, directory: Path, name: str) -> None:
        """Keep a picture of each open page."""
        for number, page in enumerate(self._context.pages):
            page.screenshot(path=directory / f"{name}-{number}.png", full_page=True)

    def enter(self, user: User) -> None:
        """Come back as somebody who logged in before."""
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        self._context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.url}])

    def log_in(self, email: str, password: str) -> None:
        """Type address and password into the form that is open, and press Enter."""
        self.page.get_by_label("mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.keyboard.press("Enter")

    def open(self, address: str) -> None:
        """Go to an address, which must not refuse."""
        response = self.page.goto(address)
        assert response is not None
        assert response.ok, f"{response.status} from {address}"

    def click(self, name: str) -> None:
        """Press the one button, or link that looks like a button or not, of that name."""
        main = self.page.locator("#main")
        main.get_by_role("button", name=name).or_(main.get_by_role("link", name=name)).click()

    def offers(self) -> set[str]:
        """List what can be pressed on the page, sidebar aside."""
        main = self.page.locator("#main")
        # The theme shows nothing before its scripts have run, and nothing would be found absent.
        expect(main).to_be_visible()
        return set(main.locator("a, button").evaluate_all(_READ_OFFERS))

    def expect_run(self, state: str, **figures: int) -> None:
        """Wait until the open run page says this of its run, without reloading it."""
        expect(self.page.locator("#run-state")).to_contain_text(state)
        shown = self.page.locator("#run-state .hz-figures > div").evaluate_all(_READ_FIGURES)
        wanted = {name.replace("_", " ").capitalize(): str(figure) for name, figure in figures.items()}
        assert {name: shown.get(name) for name in wanted} == wanted

    def item(self, key: str) -> Locator:
        """Find an item's row on a run page."""
        own = self.page.locator(".hz-key").get_by_text(key, exact=True)
        return self.page.locator("#items tr.data-row", has=own)

    def ask(self, method: str, address: str) -> APIResponse:
        """Call an address as the page could, with its session and a valid token, following no redirect."""
        cookies = {cookie["name"]: cookie["value"] for cookie in self._context.cookies()}
        headers = {"X-CSRFToken": cookies[settings.CSRF_COOKIE_NAME]}
        return self._context.request.fetch(address, method=method, headers=headers, max_redirects=0)

    def send_again(self, request: Request) -> APIResponse:
        """Let the network deliver a form once more."""
        headers = {"Content-Type": request.headers["content-type"]}
        return self._context.request.post(
            request.url, data=request.post_data_buffer or b"", headers=headers, max_redirects=0
        )

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return width
