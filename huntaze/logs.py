"""What the log leaves out."""

import logging


class BriefRefusals(logging.Filter):
    """Lets a refused request take one line: its traceback tells nothing that the address does not."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record; take the traceback off those that are no errors."""
        if record.levelno < logging.ERROR:
            record.exc_info = None
        return True
