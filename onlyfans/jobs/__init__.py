"""What is done about creators and their earnings again and again."""

from onlyfans.jobs.pulling import PullEarnings
from onlyfans.jobs.results import IngestResults

__all__ = ["IngestResults", "PullEarnings"]
