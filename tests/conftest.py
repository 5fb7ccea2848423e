"""What every test stands on."""

from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings


@pytest.fixture(autouse=True)
def _quick_passwords(settings: django_settings) -> Iterator[None]:
    """Hash passwords quickly: their strength is not what is tested."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    yield
