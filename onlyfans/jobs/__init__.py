"""What is done about creators and their earnings again and again."""

from onlyfans.jobs.pulling import PullEarnings

__all__ = ["PullEarnings"]
