"""The four ways in which work can fail, each of which is a retry policy.

A client or a service raises one of these with a sentence that a member of staff can act on; the job engine
reads the class and does the rest.
"""

import re

# What neither the database's text nor a page can hold.
_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_MESSAGE = 2000


class WorkError(Exception):
    """A failure with a sentence for people in it and a policy in its class."""

    kind = "error"

    def __init__(self, message: str) -> None:
        message = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", message)[:_LONGEST_MESSAGE]
        super().__init__(message)
        self.message = message


class Retryable(WorkError):
    """It may work later: try again, a bounded number of times, with growing pauses.

    `retry_after` is the pause in seconds that the other side asked for, if it did.
    """

    kind = "retryable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotYet(Retryable):
    """It was not tried, for its turn has not come: look again in `retry_after` seconds, which counts as no attempt."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)


class Permanent(WorkError):
    """It will not work until somebody changes something about this one thing."""

    kind = "permanent"


class Misconfigured(WorkError):
    """It will work for nothing until the installation is repaired: stop, and blame no item."""

    kind = "misconfigured"


class OutcomeUnknown(WorkError):
    """The call may or may not have had its effect: look before calling again."""

    kind = "unknown"
