"""What billing's tests talk to."""

import pytest
from pytest_django import Settings

from tests.commandline import manage
from tests.outside import outside, wired
from tests.s3 import bucket

__all__ = ["bucket", "manage", "outside", "wired"]


@pytest.fixture
def one_thread(settings: Settings) -> None:
    """Let nothing run in threads beside the test: they would not see what its transaction holds."""
    settings.JOBS_THREADS = 1
