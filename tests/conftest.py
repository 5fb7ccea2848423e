"""What every test stands on."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.emptying import guards_let_flushes_pass


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Throw away between tests what nobody may throw away."""
    with guards_let_flushes_pass():
        yield


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Hash passwords quickly: their strength is not what is tested."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
