"""What the demo's workers leave: it arrives through S3 and its queue, and one of the files does not fit."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from onlyfans.models import CreatorFigures, ResultFile
from onlyfans.services.results import process_files, reading
from onlyfans.services.results.consuming import poll_queue
from scripts.demo import results
from tests.s3 import KEYS, running_moto


@pytest.fixture
def storage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The demo's storage, and its settings."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    url = running_moto()
    settings.RESULTS_BUCKET, settings.RESULTS_REGION = results.BUCKET, results.REGION
    settings.RESULTS_ENDPOINT, settings.RESULTS_QUEUE_URL = url, results.queue_url(url)
    yield url
    reading._bucket.cache_clear()


@pytest.mark.django_db
def test_what_comes_is_read(storage: str) -> None:
    results.set_up(storage)
    results.set_up(storage)
    assert results.let_workers_deliver(storage) == 6
    poll_queue()
    process_files()
    files = dict(ResultFile.objects.values_list("job_id", "status"))
    assert files == {
        "earnings-demo011": "done",
        "fans-demo011": "done",
        "messages-demo011": "done",
        "profile-demo021": "done",
        "fans-demo031": "rejected",
        "fans-of-somebody-new": "done",
    }
    assert CreatorFigures.objects.get(user_id="demo011", metric="fans").value == 1_204
