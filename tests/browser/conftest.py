"""A browser, and the whole product behind it."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from django.conf import global_settings
from playwright.sync_api import Browser, expect, sync_playwright
from pytest_django import Settings
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from tests.browser.desk import LAPTOP, PATIENCE_MS, Desk
from tests.browser.house import House
from tests.outside import Outside, running_sandbox

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_REPORT = pytest.StashKey[pytest.TestReport]()
# The numbers of Valkey's databases that these tests take; everybody else's are below.
_FIRST_REDIS_DATABASE, _REDIS_DATABASES = 10, 6
type OpenDesk = Callable[..., Desk]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know how the test went."""
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("Chromium is missing: apt-get install chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, which Django would take for asynchronous code of ours.
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        expect.set_options(timeout=PATIENCE_MS)
        launched = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def house(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Iterator[House]:
    """The product, running beside us on the test database."""
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    redis_database = _FIRST_REDIS_DATABASE + number % _REDIS_DATABASES
    with django_db_blocker.unblock():
        opened = House(tmp_path_factory.mktemp("house"), redis_database, Outside(running_sandbox()))
    try:
        opened.open()
        yield opened
    finally:
        opened.close()


@pytest.fixture
def outside(house: House, transactional_db: None) -> Outside:
    """The world outside, in which nothing was done yet."""
    house.tidy()
    return house.outside


@pytest.fixture
def open_desk(
    browser: Browser, house: House, outside: Outside, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[OpenDesk]:
    """Open browser windows; afterwards nothing may have gone wrong in any, and pictures tell of what did."""
    desks: list[Desk] = []

    def open_one(user: User | None = None, size: tuple[int, int] = LAPTOP) -> Desk:
        desks.append(Desk(browser, house.url, size))
        if user:
            desks[-1].enter(user)
        return desks[-1]

    yield open_one
    problems = [problem for desk in desks for problem in desk.watch.problems]
    report = request.node.stash.get(_REPORT, None)
    if problems or report is None or report.failed:
        for number, desk in enumerate(desks):
            desk.photograph(tmp_path, f"desk-{number}")
        print(f"Screenshots are in {tmp_path}, the logs of web server and worker in {house.directory}")
    for desk in desks:
        desk.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def real_passwords(settings: Settings) -> None:
    """Hash passwords as the server does, which is another process: those of people who type them."""
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS
