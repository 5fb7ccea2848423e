"""A lost encryption key is in nobody's way who does not need what it locks, and everybody can replace that."""

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from pytest_django import Settings

from accounts.models import Authenticator, LockOut, RecoveryCode, User
from alerts.models import Channel
from common.errors import Misconfigured
from huntaze.models import ImportSegment, TableImport
from onlyfans.models import CreatorAccount
from tests.audit import scene
from tests.audit.forms import fill_in
from tests.factories.alerts import make_channel
from tests.factories.billing import make_creator, make_organization
from tests.factories.log_ins import give_phone, show_password
from tests.factories.staff import PASSWORD, log_in, make_staff

pytestmark = pytest.mark.django_db
KEY = Fernet.generate_key().decode()
LOST = "A stored secret can't be decrypted: ENCRYPTION_KEYS lacks the key it was written with."


@pytest.fixture
def locked(settings: Settings) -> Iterator[tuple[User, list[str]]]:
    """Make one of everything that is encrypted, then lose the key."""
    settings.ENCRYPTION_KEYS = (KEY,)
    user = make_staff("Finance")
    _, codes = give_phone(user)
    make_creator(make_organization(), credentials={"token": "t"})
    make_channel()
    ImportSegment.objects.create(table_import=scene.table_import(), number=0, position={"id": {"S": "u-1"}})
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    yield user, codes


def _all_pages(user: User) -> list[str]:
    found = {
        "accounts/user": user,
        "onlyfans/creatoraccount": CreatorAccount.objects.get(),
        "alerts/channel": Channel.objects.get(),
        "huntaze/tableimport": TableImport.objects.get(),
    }
    pages = [f"/admin/{kind}/{at}" for kind, thing in found.items() for at in ("", f"{thing.pk}/change/")]
    reset = f"/admin/accounts/user/{user.pk}/reset-second-step/"
    return [
        *pages,
        reset,
        "/admin/huntaze/importreject/",
        "/admin/alerts/rule/add/",
        "/admin/onlyfans/earningsaggregate/",
    ]


def test_every_page_opens(locked: tuple[User, list[str]]) -> None:
    client = log_in(superuser=True)
    assert {page: client.get(page).status_code for page in _all_pages(locked[0])} == dict.fromkeys(
        _all_pages(locked[0]), 200
    )
    assert LOST.replace("'", "&#x27;") in client.get(_all_pages(locked[0])[-5]).content.decode()


def test_the_second_step_is_reset(locked: tuple[User, list[str]]) -> None:
    user, _ = locked
    client, address = log_in(superuser=True), f"/admin/accounts/user/{user.pk}/reset-second-step/"
    assert client.post(address, {"reason": "The key is lost"}).status_code == 302
    assert not Authenticator.objects.filter(user=user).exists()
    assert not RecoveryCode.objects.filter(user=user).exists()


def test_whoever_logs_in_is_told_and_comes_in_by_a_recovery_code(locked: tuple[User, list[str]]) -> None:
    user, codes = locked
    half, _ = show_password(user, PASSWORD)
    page = half.post("/admin/login/code/", {"code": "123456"})
    assert page.context["form"].errors["code"] == [
        "No code can be checked: the installation has lost the key to your authenticator. Use a recovery code, or ask "
        "an administrator to reset your second step."
    ]
    assert not LockOut.objects.filter(failures__gt=0).exists()
    assert half.post("/admin/login/recovery/", {"code": codes[0]}).status_code == 302
    asked = {"email": user.email, "password": PASSWORD, "code": "123456"}
    assert Client().post("/api/auth/token", asked, content_type="application/json").status_code == 503


def test_what_is_locked_is_replaced(locked: tuple[User, list[str]]) -> None:
    client, creator, channel = log_in(superuser=True), CreatorAccount.objects.get(), Channel.objects.get()
    at = f"/admin/onlyfans/creatoraccount/{creator.pk}/change/"
    assert client.post(at, fill_in(client, at, {"new_token": "new"})).status_code == 302
    assert CreatorAccount.objects.get().credentials == {"token": "new"}
    at = f"/admin/alerts/channel/{channel.pk}/change/"
    assert client.post(at, fill_in(client, at, {"address": "new@example.test"})).status_code == 302
    assert Channel.objects.get().config == {"address": "new@example.test"}


def test_what_is_beside_it_is_saved_and_it_stays_for_the_day_on_which_the_key_is_found(
    settings: Settings, locked: tuple[User, list[str]]
) -> None:
    creator = CreatorAccount.objects.get()
    creator.display_name = "Another"
    creator.save()
    with pytest.raises(Misconfigured):
        _ = CreatorAccount.objects.get().credentials
    assert CreatorAccount.objects.get().display_name == "Another"
    settings.ENCRYPTION_KEYS = (KEY,)
    assert CreatorAccount.objects.get().credentials == {"token": "t"}
