"""Buckets and queues of these tests."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from onlyfans.services.results import reading
from tests.commandline import manage
from tests.onlyfans.results.world import REGION, World
from tests.s3 import KEYS

__all__ = ["manage"]


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A bucket, its queue, and settings that name them."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    made = World()
    settings.RESULTS_BUCKET, settings.RESULTS_REGION = made.bucket, REGION
    settings.RESULTS_ENDPOINT, settings.RESULTS_QUEUE_URL = made.endpoint, made.queue_url
    settings.RESULTS_RETRY_BASE_SECONDS, settings.RESULTS_MAX_ATTEMPTS = 0, 3
    yield made
    reading._bucket.cache_clear()
