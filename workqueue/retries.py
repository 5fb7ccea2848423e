"""When to try again what failed, by the kind of its error."""

import datetime as dt
import random
from dataclasses import dataclass

from django.conf import settings

from common.errors import Misconfigured, NotYet, Permanent, WorkError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most so many attempts, each after a pause twice as long as the one before."""

    attempts: int
    base_seconds: float
    longest_seconds: float

    def find_pause(self, error: WorkError, attempts: int) -> dt.timedelta | None:
        """Compute how long to wait after this many counted attempts; None where there is no further one.

        It is never shorter than what the other side asked for. What nobody can be blamed for (`counts`) is tried again
        without end.
        """
        if isinstance(error, Permanent) or (self.counts(error) and attempts >= self.attempts):
            return None
        asked = dt.timedelta(seconds=getattr(error, "retry_after", None) or 0)
        if isinstance(error, NotYet):
            return asked
        return max(self.compute_pause(attempts), asked)

    def compute_pause(self, attempts: int) -> dt.timedelta:
        """Compute the pause after so many attempts: twice as long each time, of which at least half is kept."""
        longest = min(self.base_seconds * 2 ** min(max(attempts - 1, 0), 60), self.longest_seconds)
        return dt.timedelta(seconds=longest * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret

    @staticmethod
    def counts(error: WorkError) -> bool:
        """Return whether a failure is an attempt: not where its turn had not come, or the installation is to blame."""
        return not isinstance(error, NotYet | Misconfigured)


def get_default_policy() -> RetryPolicy:
    """Return how jobs' items are tried again, and the rows of each queue that has no settings of its own."""
    return RetryPolicy(settings.JOBS_MAX_ATTEMPTS, settings.JOBS_RETRY_BASE_SECONDS, settings.JOBS_RETRY_MAX_SECONDS)
