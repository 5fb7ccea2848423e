"""The Celery application: its messages only say “look now”; what must be done stands in the database."""

import logging.config
import os

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging, worker_process_shutdown
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "huntaze.settings")

from django.conf import settings

from common import tracing
from huntaze.processes import work_off_queues
from huntaze.start import start_embedded_servers

app = Celery("huntaze")
app.config_from_object("django.conf:settings", namespace="CELERY")
# By their own names everywhere; at the broker they may have others.
app.conf.task_queues = [Queue(at_broker, alias=name) for name, at_broker in settings.BROKER_QUEUE_NAMES.items()]
app.autodiscover_tasks()

# Three such pauses, for a ring is tried again, are what somebody who waits for a page puts up with.
_RING_SECONDS = 1.0


def give_up_soon() -> None:
    """Let this process wait a moment only for a broker that takes a ring and never answers; the sweep rings again."""
    options = app.conf.broker_transport_options
    if "socket_timeout" in options:
        app.conf.broker_transport_options = {**options, "socket_timeout": _RING_SECONDS}


@celeryd_init.connect
@beat_init.connect
def _start_servers(**_: object) -> None:
    start_embedded_servers()


@celeryd_init.connect
def _bound_statements(**_: object) -> None:
    work_off_queues()


@setup_logging.connect
def _write_logs_as_everywhere(**_: object) -> None:
    """Keep Celery from setting up logs of its own."""
    logging.config.dictConfig(settings.LOGGING)


@worker_process_shutdown.connect
def _send_last_spans(**_: object) -> None:
    tracing.flush()
