"""What can go wrong with a server of ours."""


class EmbeddedError(Exception):
    """A server could not be started or stopped; the message is for a person and says what to do."""


class StartFailedError(EmbeddedError):
    """This attempt failed; another may not (a predecessor is still dying, a port was just taken)."""
