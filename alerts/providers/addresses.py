"""Which addresses may be called: public ones, as they are at the moment of the call, whatever name leads there.

Nothing of Django, and nothing that sends: the process that runs Apprise stands on this too.
"""

import ipaddress
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from common import bounds
from common.errors import Permanent, Retryable

# Networks behind which IPv4 addresses hide: what counts is the address inside.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All of IPv6 that the open internet routes, but for those that stand for an IPv4 address; Python takes more for global.
_ROUTED = ipaddress.IPv6Network("2000::/3")
# Where clouds answer their own machines, with keys among other things: Amazon, Azure, Alibaba, Oracle.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")))
_LONGEST_URL = 2000
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def may_be_called(text: str, *, allow_private: bool = False) -> bool:
    """Return whether a numeric address is one of the open internet's: not this machine's, a local network's or a
    cloud's own. With `allow_private` the first two will do.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    return all(_is_fine(one, allow_private=allow_private) for one in (address, *_list_hidden(address)))


def _is_fine(address: _Address, *, allow_private: bool) -> bool:
    if address in _METADATA:
        return False
    if allow_private and not address.is_link_local:
        return not address.is_multicast and not address.is_unspecified
    return address.is_global and not address.is_multicast and _is_routed(address)


def _is_routed(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped:
        return True
    return address in _ROUTED or address in _NAT64


def _list_hidden(address: _Address) -> list[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    hidden = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        hidden.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    # The form ::a.b.c.d, which nobody should use any more.
    if int(address) >> 32 == 0:
        hidden.append(ipaddress.IPv4Address(int(address)))
    return [one for one in hidden if one is not None]


def resolve(host: str, port: int, *, allow_private: bool = False) -> list[str]:
    """Return the numeric addresses of a host, all of which may be called.

    Raises Permanent where one of them may not, Retryable where the name can't be resolved at the moment.
    """
    try:
        found = bounds.resolve(host.rstrip("."), port)
    except (OSError, UnicodeError):
        raise Retryable(f"The name {host} can't be resolved.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(may_be_called(address, allow_private=allow_private) for address in addresses):
        raise Permanent(f"{host} leads into this machine or a private network, where nothing is sent.")
    return addresses


def read_url(url: str, *, allow_plain: bool = False) -> SplitResult:
    """Take an address apart; Permanent, with a sentence for people, where nothing is sent to such a one."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise Permanent("That is no address.") from None
    schemes = ("https", "http") if allow_plain else ("https",)
    if parts.scheme not in schemes:
        raise Permanent(f"Give an address that begins with {schemes[0]}://.")
    if not parts.hostname or port == 0 or len(url) > _LONGEST_URL or not url.isprintable() or " " in url.strip():
        raise Permanent("That is no address.")
    if parts.username is not None or parts.password is not None:
        raise Permanent("Leave name and password out of the address: they would stand in logs.")
    return parts


def port_of(parts: SplitResult) -> int:
    """Return the port of an address, or that of its scheme."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def check_url(url: str, *, allow_private: bool = False) -> SplitResult:
    """Refuse an address that may not be called as it is now; one whose name can't be resolved is looked at later."""
    parts = read_url(url, allow_plain=allow_private)
    with suppress(Retryable):
        resolve(parts.hostname or "", port_of(parts), allow_private=allow_private)
    return parts
