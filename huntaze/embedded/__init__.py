"""PostgreSQL and Valkey out of their wheels, for the demo, the tests and a developer's shell.

Both run as daemons that outlive whoever started them; their data lie below one directory. Nothing here
imports Django: the settings ask this package for addresses.
"""

from huntaze.embedded.errors import EmbeddedError
from huntaze.embedded.postgres import binaries
from huntaze.embedded.servers import Addresses, Status, addresses, ensure, reset, status, stop

__all__ = ["Addresses", "EmbeddedError", "Status", "addresses", "binaries", "ensure", "reset", "status", "stop"]
