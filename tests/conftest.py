"""What every test stands on."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Hash passwords quickly: their strength is not what is tested."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run first what forks workers that lay PDFs out: a process that has laid one out itself no longer can."""
    items.sort(key=lambda item: item.path.name != "test_run_billing.py")
