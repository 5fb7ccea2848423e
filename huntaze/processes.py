"""What tells the processes of an installation apart: how long one statement of theirs may keep the database busy."""

from django.conf import settings
from django.db import connections


def serve_web() -> None:
    """Bound the statements of a web server: whoever asked has long gone away, and the query goes on."""
    _bound_statements(settings.WEB_STATEMENT_SECONDS)


def work_off_queues() -> None:
    """Bound the statements of a worker, which may take longer; those of commands have no bound."""
    _bound_statements(settings.WORKER_STATEMENT_SECONDS)


def _bound_statements(seconds: int) -> None:
    """Bound the statements of all connections that this process opens from now on."""
    options = connections["default"].settings_dict["OPTIONS"]
    # Of one parameter given twice the last counts: what DATABASE_URL says stands.
    options["options"] = f"-c statement_timeout={seconds}s {options.get('options', '')}"
