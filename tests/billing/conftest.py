"""What billing's tests talk to."""

from tests.outside import outside, wired

__all__ = ["outside", "wired"]
