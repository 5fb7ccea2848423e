"""Jobs declared for one test only."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs import registry
from jobs.registry import job

Declare = Callable[..., Any]


@pytest.fixture
def declare() -> Iterator[Declare]:
    """Declares jobs as `@job` does, and forgets them after the test."""
    before = dict(registry._JOBS)
    yield job
    registry._JOBS.clear()
    registry._JOBS.update(before)
