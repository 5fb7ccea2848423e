"""What the commands of this project have in common: one line where they are called wrongly, and their statuses."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

SUCCESS, SOME_FAILED, WRONG_USAGE = 0, 1, 2


class OneLineCommand(BaseCommand):
    """A command that answers wrong usage with one line; the rest is what --help is for."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Make Django's parser, which prints all of the usage before an error, print the error alone."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.print_usage = _print_nothing  # type: ignore[method-assign]  # Django takes no parser class
        return parser


def _print_nothing(file: Any = None) -> None:
    """Print nothing."""


def refuse(message: str) -> CommandError:
    """Make the error that ends a command with one line and status 2."""
    return CommandError(message, returncode=WRONG_USAGE)
