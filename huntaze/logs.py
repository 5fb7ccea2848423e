"""How the log is written: one line an event, with what was being worked on, without secrets."""

import copy
import datetime as dt
import logging
from functools import cache
from typing import Any

from django.conf import settings
from pythonjsonlogger.json import JsonFormatter

from common.clock import iso
from common.redaction import Redactor
from common.trail import of_error

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "trail", "color_message"}
# What frameworks add to a line: the whole request, its address with the query.
_WITH_QUERY = frozenset({"request"})
_tracebacks = logging.Formatter()


class BriefRefusals(logging.Filter):
    """Lets a refused request take one line: its traceback tells nothing that the address does not."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record; take the traceback off those that are no errors."""
        if record.levelno < logging.ERROR:
            record.exc_info = None
        return True


@cache
def redactor() -> Redactor:
    """Return the one that knows this installation's own secrets."""
    return Redactor(settings.KNOWN_SECRETS)


class Discreet(logging.Filter):
    """Hands on a copy of each record: secrets taken out, what is being worked on put in."""

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:
        """Clean message, arguments, traceback and whatever was added; other handlers' records stay as they are."""
        clean, text = copy.copy(record), redactor().text
        clean.msg, clean.args = text(_message(record)), ()
        if record.exc_info or record.exc_text:
            clean.exc_text = text(record.exc_text or _tracebacks.formatException(record.exc_info))  # type: ignore[arg-type]  # a record that has exc_info has it formatted, whatever its parts
            clean.exc_info = None
        for name in _WITH_QUERY & vars(clean).keys():
            delattr(clean, name)
        clean.stack_info = text(record.stack_info) if record.stack_info else None
        for name in vars(record).keys() - _PLAIN - _WITH_QUERY:
            setattr(clean, name, redactor().value({name: getattr(record, name)})[name])
        clean.trail = redactor().value(dict(of_error(record.exc_info and record.exc_info[1])))
        return clean


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # A log line that was written wrongly is still worth reading, and no reason to fail.
        return f"{record.msg} {record.args!r}"


class JSONLines(JsonFormatter):
    """One JSON object a line, for whoever collects them."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Put when, how bad, who and what first, then what was being worked on."""
        log_data["timestamp"] = iso(dt.datetime.fromtimestamp(record.created, dt.UTC))
        log_data["level"], log_data["logger"] = record.levelname, record.name
        super().add_fields(log_data, record, message_dict)
        log_data.pop("trail", None)
        log_data |= {name: value for name, value in getattr(record, "trail", {}).items() if name not in log_data}


class TextLines(logging.Formatter):
    """A line for people: the time, the level, who, what, and in brackets what was being worked on."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Add what was being worked on behind the message."""
        line = super().formatMessage(record)
        trail = " ".join(f"{name}={value}" for name, value in getattr(record, "trail", {}).items())
        return f"{line} [{trail}]" if trail else line
