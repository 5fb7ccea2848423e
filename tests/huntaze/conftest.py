"""What these tests type."""

from tests.commandline import manage

__all__ = ["manage"]
