"""Make an encryption key."""

from typing import Any

from cryptography.fernet import Fernet

from common.commands import OneLineCommand


class Command(OneLineCommand):
    """Prints a fresh key for `ENCRYPTION_KEYS`; to rotate, put it in front of those in use."""

    help = "Print a new key for ENCRYPTION_KEYS; put it in front of the others to rotate."
    # It must run before there is a valid configuration to check.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(Fernet.generate_key().decode())
