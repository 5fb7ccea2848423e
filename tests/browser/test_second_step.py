"""Logging in with a second step, as in production: enrolment, codes, recovery codes, a lost phone."""

from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import Authenticator, User
from scripts.demo.__main__ import answers
from tests.browser.conftest import OpenDesk
from tests.browser.desk import LAPTOP, PHONE, Desk
from tests.browser.house import House
from tests.factories.log_ins import Phone, give_phone
from tests.factories.staff import PASSWORD, make_staff

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


class Gate(House):
    """A web server that asks every member of staff for a second step; nothing is worked on behind it."""

    def open(self) -> None:
        """Start it and return when it answers."""
        address = ["--host", "127.0.0.1", "--port", str(self._web)]
        self._start("gate", "granian", *address, "--interface", "wsgi", "--no-ws", "huntaze.wsgi:application")
        self._processes.wait_until(partial(answers, f"{self.url}/admin/login/"), "gate")

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), "REQUIRE_TWO_FACTOR": "1"}


@pytest.fixture(scope="module")
def gate(house: House, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """The gate, beside the house."""
    with django_db_blocker.unblock():
        opened = Gate(tmp_path_factory.mktemp("gate"), 15, house.outside)
    try:
        opened.open()
        yield opened
    finally:
        opened.close()


@pytest.fixture
def open_gate(browser: Browser, gate: Gate, open_desk: OpenDesk, real_passwords: None) -> Iterator[OpenDesk]:
    """Open windows in front of the gate; nothing may have gone wrong in any."""
    desks: list[Desk] = []

    def open_one(user: User | None = None, size: tuple[int, int] = LAPTOP) -> Desk:
        desks.append(Desk(browser, gate.url, size))
        return desks[-1]

    yield open_one
    problems = [problem for desk in desks for problem in desk.watch.problems]
    for desk in desks:
        desk.close()
    assert not problems, "\n".join(problems)


def set_up(desk: Desk, user: User) -> tuple[Phone, list[str]]:
    """Go through the enrolment that follows the password; return the phone and the recovery codes."""
    desk.open("/admin/billing/invoice/")
    desk.log_in(user.email, PASSWORD)
    expect(desk.page.get_by_role("heading", name="Set up your second step")).to_be_visible()
    expect(desk.page.get_by_role("img", name="QR code")).to_be_visible()
    expect(desk.page.get_by_label("Code", exact=True)).to_be_focused()
    phone = Phone(desk.page.locator("code").inner_text())
    desk.page.get_by_label("Code", exact=True).fill(phone.show())
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name="Keep your recovery codes")).to_be_visible()
    return phone, desk.page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_inner_texts()


def log_out(desk: Desk) -> None:
    with desk.page.expect_navigation():
        desk.page.locator("#logout-form").evaluate("form => form.submit()")


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_from_enrolment_to_a_recovery_code(open_gate: OpenDesk, size: tuple[int, int]) -> None:
    finn = make_staff("Finance", name="Finn Finance")
    desk = open_gate(size=size)
    phone, codes = set_up(desk, finn)
    assert len(codes) == 10
    assert desk.overflow <= 0
    desk.page.get_by_role("link", name="I have kept them").click()
    expect(desk.page).to_have_url(f"{desk.url}/admin/billing/invoice/")
    log_out(desk)
    desk.open("/admin/jobs/jobrun/")
    desk.log_in(finn.email, PASSWORD)
    code = desk.page.get_by_label("Code", exact=True)
    expect(code).to_be_focused()
    assert (code.get_attribute("autocomplete"), code.get_attribute("inputmode")) == ("one-time-code", "numeric")
    code.fill("000000")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("alert")).to_have_text(
        "That code is not right, or was used already. Wait for the next one and try again."
    )
    assert desk.overflow <= 0
    desk.page.get_by_label("Code", exact=True).fill(phone.show())
    desk.page.keyboard.press("Enter")
    expect(desk.page).to_have_url(f"{desk.url}/admin/jobs/jobrun/")
    log_out(desk)
    desk.open("/admin/")
    desk.log_in(finn.email, PASSWORD)
    desk.page.get_by_label("Code", exact=True).fill(phone.show_again())
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("alert")).to_contain_text("was used already")
    desk.page.get_by_role("link", name="Use a recovery code").click()
    desk.page.get_by_label("Recovery code").fill(codes[0])
    desk.page.keyboard.press("Enter")
    expect(desk.page).to_have_url(f"{desk.url}/admin/")
    expect(desk.page.locator("#main")).to_be_visible()


def test_a_lost_phone_is_reset_and_the_session_it_left_ends(open_gate: OpenDesk) -> None:
    finn, boss = make_staff("Finance", name="Finn Finance"), make_staff(superuser=True, name="Ada Admin")
    left = open_gate()
    set_up(left, finn)
    phone, _ = give_phone(boss)
    desk = open_gate()
    desk.open(f"/admin/accounts/user/{finn.pk}/change/")
    desk.log_in(boss.email, PASSWORD)
    desk.page.get_by_label("Code", exact=True).fill(phone.show())
    desk.page.keyboard.press("Enter")
    desk.page.get_by_role("link", name="Reset: the phone is lost").click()
    desk.page.get_by_label("Reason").fill("Lost on the train")
    desk.click("Reset second step")
    expect(desk.page.get_by_text("Finn Finance: done.")).to_be_visible()
    assert not Authenticator.objects.filter(user=finn).exists()
    left.open("/admin/")
    left.log_in(finn.email, PASSWORD)
    expect(left.page.get_by_role("heading", name="Set up your second step")).to_be_visible()


def test_too_many_mistakes_are_told_when_to_come_back(open_gate: OpenDesk) -> None:
    rita = make_staff("Read only")
    desk = open_gate()
    desk.open("/admin/")
    for _ in range(5):
        desk.log_in(rita.email, "wrong horse")
        expect(desk.page.get_by_label("Password")).to_have_value("")
    expect(desk.page.get_by_text("Too many attempts. Try again after")).to_be_visible()
    desk.log_in(rita.email, PASSWORD)
    expect(desk.page.get_by_text("Too many attempts. Try again after")).to_be_visible()
    assert desk.ask("GET", "/admin/").status == 302
