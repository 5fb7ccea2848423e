#!/usr/bin/env python
"""Run one of the project's commands; `manage.py help` lists them."""

import getpass
import os
import sys


def main() -> None:
    """Start the embedded servers where they serve, then run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "huntaze.settings")
    from huntaze.start import start_embedded_servers

    start_embedded_servers()
    from django.core.management import execute_from_command_line

    from common.origin import Door, Origin, coming_from

    try:
        with coming_from(Origin(Door.COMMAND, who=f"{_who_types()} at the command line")):
            execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)


def _who_types() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such account, as in some containers
        return f"user {os.getuid()}"


if __name__ == "__main__":
    main()
