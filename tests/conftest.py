"""What every test stands on."""

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from django.conf import settings
from pytest_django import Settings
from schemathesis.pytest.plugin import SchemathesisFunction

from common.pace import begin
from tests.emptying import guards_let_flushes_pass


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """See that each test has an id of its own."""
    for item in items:
        if isinstance(item, SchemathesisFunction) and item.parent:
            # The library gives those of all operations one id.
            item._id = item.parent.id.child(item.name)
    # Workers of pytest-xdist are told ids: of several that are the same, one test would be run.
    if twice := [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]:
        raise pytest.UsageError(f"Several tests have one id: {', '.join(twice)}")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Throw away between tests what nobody may throw away."""
    with guards_let_flushes_pass():
        yield


@pytest.fixture(scope="session", autouse=True)
def _nobody_was_called() -> None:
    """Let calls outside begin at once: nobody has called before these tests."""
    begin(settings.REDIS_URL)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Hash passwords quickly: their strength is not what is tested."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
