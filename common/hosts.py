"""Names of hosts as they leave us: in ASCII, by IDNA 2008.

Python's own codec knows the standard of 2003 alone, which takes `straße.example` for `strasse.example`: another host,
perhaps somebody else's.
"""

import idna


def to_ascii(host: str) -> str:
    """Write a host's name in ASCII; UnicodeError where it can't be one."""
    return host if host.isascii() else idna.encode(host, uts46=True).decode()


def ascii_mailbox(text: str) -> str:
    """Write `name@host`, or `Name <name@host>`, with the host in ASCII; what can't be one stays as it is."""
    before, at, domain = text.rpartition("@")
    try:
        return f"{before}{at}{to_ascii(domain.rstrip('>'))}{'>' if domain.endswith('>') else ''}"
    except UnicodeError:
        return text
