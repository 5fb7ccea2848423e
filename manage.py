#!/usr/bin/env python
"""Run one of the project's commands; `manage.py help` lists them."""

import os
import sys


def main() -> None:
    """Start the embedded servers where they serve, then run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "huntaze.settings")
    from huntaze.start import start_embedded_servers

    start_embedded_servers()
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
