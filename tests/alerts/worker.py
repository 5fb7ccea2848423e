"""A process of its own that looks once, or sends once: `python -m tests.alerts.worker tick|send [scope …]`.

What it finds are the scopes that it is given, of the condition “broken”.
"""

import os
import signal
import sys

import django


def main(what: str, *scopes: str) -> None:
    """Do one thing, and die by SIGKILL where the last word is `die`."""
    django.setup()
    from alerts import registry
    from alerts.registry import Finding, condition
    from alerts.services import tick
    from alerts.services.sending import send_waiting

    registry._CONDITIONS.clear()
    dies = scopes[-1:] == ("die",)
    found = [Finding(scope, f"{scope} is broken") for scope in scopes if scope != "die"]
    condition("broken", title="Something is broken")(lambda: found)
    print("ready", flush=True)
    sys.stdin.readline()
    if what == "tick":
        tick()
    else:
        send_waiting(seconds=30)
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
