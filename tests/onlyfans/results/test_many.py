"""A bucket of a hundred thousand files, of which nobody told of some."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import Settings

from onlyfans.models import CreatorFigures, ResultFile
from onlyfans.services.results import reading
from onlyfans.services.results.repairing import repair_pages
from tests.commandline import ROOT
from tests.onlyfans.results.runs import repair
from tests.onlyfans.results.shelf import etag_of, write_fans
from tests.s3 import KEYS

_COUNT, _GAP = 100_000, 500


@pytest.fixture
def bucket(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bucket of so many files, in a process of its own, with settings that name it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    words = [sys.executable, "-m", "tests.onlyfans.results.shelf", str(_COUNT)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        settings.RESULTS_BUCKET, settings.RESULTS_ENDPOINT = "shelf", process.stdout.readline().strip()
        yield
        process.kill()
    reading._bucket.cache_clear()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_hundred_thousand_listed_in_one_run(bucket: None) -> None:
    """What is missing is read; what is there is left alone, and no more than a page is taken at once."""
    _know_all_but_each(_GAP)
    missing = _COUNT // _GAP
    assert repair() == {"found": _COUNT, "missing": missing, "done": missing, "rejected": 0, "waiting": 0}
    assert ResultFile.objects.filter(status="done").count() == _COUNT
    assert ResultFile.objects.filter(door="repair").count() == missing
    newest = {f"creator{number % 1000}": number for number in range(0, _COUNT, _GAP)}
    assert dict(CreatorFigures.objects.filter(metric="fans").values_list("user_id", "value")) == newest
    assert next(repair_pages()) == (1000, [])


def _know_all_but_each(gap: int) -> None:
    """Write the rows of all files but each so-many-th, as if they had been read."""
    numbers = [number for number in range(_COUNT) if number % gap]
    etags = [etag_of(write_fans(number)) for number in numbers]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO onlyfans_resultfile (bucket, key, etag, sequencer, job_id, door, status, received_at,"
            " attempts, error, reasons, message, kind, user_id, brought)"
            " SELECT 'shelf', 'jobs/' || lpad(number::text, 7, '0') || '/result.json', etag, '', '', 'sqs', 'done',"
            " now(), 1, '', '[]', '', '', '', '{}' FROM unnest(%s::int[], %s::text[]) AS known(number, etag)",
            [numbers, etags],
        )
