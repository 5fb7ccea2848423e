"""The log as the settings describe it, written to memory."""

import io
import logging
import logging.config
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

Log = Callable[[], str]


@contextmanager
def logging_to_memory(formatter: str) -> Iterator[Log]:
    """Let the logger `tested` write as standard error is written to; gives what was written so far."""
    stream = io.StringIO()
    configured: dict[str, Any] = settings.LOGGING
    described = {**configured["handlers"]["stderr"], "formatter": formatter, "stream": stream}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": configured["filters"],
            "formatters": configured["formatters"],
            "handlers": {"tested": described},
            "loggers": {"tested": {"handlers": ["tested"], "level": "DEBUG", "propagate": True}},
        }
    )
    logger = logging.getLogger("tested")
    try:
        yield stream.getvalue
    finally:
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
