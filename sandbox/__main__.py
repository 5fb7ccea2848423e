"""`python -m sandbox --port 0 --smtp-port 0 --data-dir DIR`

Prints its addresses as one line of JSON once both answer, and stops cleanly on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from sandbox.server import Sandbox


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Stand-ins for the outside world.")
    parser.add_argument("--port", type=int, default=0, help="HTTP port; 0 chooses a free one")
    parser.add_argument("--smtp-port", type=int, default=0, help="SMTP port; 0 chooses a free one")
    parser.add_argument("--data-dir", type=Path, help="where the state survives a restart; in memory without")
    options = parser.parse_args()
    try:
        asyncio.run(_serve(Sandbox(options.port, options.smtp_port, options.data_dir)))
    except (OSError, OverflowError) as error:
        raise SystemExit(f"The sandbox cannot start: {error}") from None


async def _serve(sandbox: Sandbox) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, sandbox.stop)

    def announce() -> None:
        print(json.dumps({"http": sandbox.http_url, "smtp": sandbox.smtp_address}), flush=True)

    await sandbox.serve(announce)


if __name__ == "__main__":
    main()
