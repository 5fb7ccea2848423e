"""Which queue a task goes to, and what each queue is called at the broker."""

from typing import Any

import pytest
from pytest_django import Settings

from huntaze import settings as module
from huntaze.celery import app
from jobs.registry import list_jobs
from tests.commandline import start_program

SHOW = (
    "from huntaze.celery import app; print(sorted((n, app.amqp.queues[n].name) for n in ('billing', 'ai', 'default')))"
)


def _route(task: str, **options: Any) -> str:
    return str(app.amqp.router.route(options, task)["queue"].name)


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("jobs.sweep", "default"),
        ("jobs.tick", "default"),
        ("jobs.start_job", "default"),
        ("alerts.send", "notifications"),
        ("billing.process_stripe_events", "webhooks"),
        ("huntaze.report_runs", "analytics"),
        ("onlyfans.process_results", "enrichment"),
        ("onlyfans.poll_results", "enrichment"),
    ],
)
def test_every_task_has_its_queue(task: str, queue: str) -> None:
    app.loader.import_default_modules()
    assert task in app.tasks
    assert _route(task) == queue


def test_a_bell_goes_to_the_queue_of_its_job() -> None:
    assert _route("jobs.work", queue="billing") == "billing"


def test_jobs_name_queues_that_there_are(settings: Settings) -> None:
    assert {job.queue for job in list_jobs()} <= set(settings.CELERY_TASK_QUEUE_NAMES)
    assert len(settings.CELERY_TASK_QUEUE_NAMES) == 9
    # Not those that a process comes to know, which takes in whatever it was told to send to.
    assert (
        [queue.alias for queue in app.conf.task_queues]
        == list(settings.CELERY_TASK_QUEUE_NAMES)
        == list(module._QUEUES)
    )


def test_queues_have_other_names_at_sqs() -> None:
    named = {"JOBS_BROKER": "sqs", "SQS_QUEUE_PREFIX": "house-", "SQS_QUEUE_NAMES": "ai=house-ai-processing"}
    answer = start_program("shell", "--command", SHOW, "--no-imports", **named)
    expected = [("ai", "house-ai-processing"), ("billing", "house-billing"), ("default", "house-default")]
    assert (answer.status, answer.out.strip()) == (0, str(expected))
