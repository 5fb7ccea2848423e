"""What billing's tests talk to."""

from tests.commandline import manage
from tests.outside import outside, wired
from tests.s3 import bucket

__all__ = ["bucket", "manage", "outside", "wired"]
