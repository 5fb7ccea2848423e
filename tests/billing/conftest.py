"""What billing's tests talk to."""

from tests.commandline import manage
from tests.outside import outside, wired

__all__ = ["manage", "outside", "wired"]
