"""What these tests talk to."""

from tests.outside import outside

__all__ = ["outside"]
