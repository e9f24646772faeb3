"""At which addresses this machine may be reached, for who is not told.

Source: RFC 5737 and RFC 3849: to these addresses nothing is ever sent; connect(2) only chooses a route to them.
"""

import socket
from contextlib import suppress
from typing import Final

_ANYWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - it is compared with, not listened on


def host_addresses(host: str | None) -> tuple[str, ...]:
    """Return the numeric addresses that a socket bound to ``host`` has, those to other machines first.

    Args:
        host: Name or number; None is all.
    """
    if host is not None and host not in _WILDCARDS:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        return tuple(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))[:1]
    addresses = [address for family, away in _ANYWHERE if (address := _address_to(family, away)) is not None]
    return tuple(dict.fromkeys([*addresses, "127.0.0.1"]))


def _address_to(family: socket.AddressFamily, away: str) -> str | None:
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.connect((away, 9))
        return str(udp.getsockname()[0])
    return None
