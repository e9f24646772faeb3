"""Socket addresses as 28 bytes, so that a table of them is one array and a comparison is one ``memcmp``.

The layout is Linux's ``sockaddr_in`` and ``sockaddr_in6`` on every system, zero padded: the fast path hands it
to the kernel as it is, the portable path decodes it to the tuple that ``socket`` wants.

Source: ip(7), ipv6(7).
"""

import sys
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

SOCKADDR_BYTES: Final = 28
SOCKADDR_IN_BYTES: Final = 16
PORT_BYTES: Final = slice(2, 4)
LINUX_AF_INET: Final = 2
LINUX_AF_INET6: Final = 10
_IPV4_PREFIX: Final = bytes(10) + b"\xff\xff"


@lru_cache(maxsize=4096)
def encode_sockaddr(host: str, port: int, scope_id: int = 0) -> bytes:
    """Return a numeric ``host`` and ``port`` as 28 bytes.

    Raises:
        ValueError: ``host`` is not a numeric IPv4 or IPv6 address, or ``port`` is not in 0..65535.
    """
    address = ip_address(host.partition("%")[0])
    port_bytes = port.to_bytes(2, "big") if 0 <= port <= 0xFFFF else b""
    if not port_bytes:
        raise ValueError(f"port {port} is not in 0..65535")
    if isinstance(address, IPv4Address):
        family = LINUX_AF_INET.to_bytes(2, sys.byteorder)
        return (family + port_bytes + address.packed).ljust(SOCKADDR_BYTES, b"\0")
    family = LINUX_AF_INET6.to_bytes(2, sys.byteorder)
    return family + port_bytes + bytes(4) + address.packed + scope_id.to_bytes(4, sys.byteorder)


def decode_sockaddr(sockaddr: bytes) -> tuple[str, int, int]:
    """Return ``(host, port, scope_id)`` of 28 bytes made by `encode_sockaddr` or by the Linux kernel."""
    family = int.from_bytes(sockaddr[:2], sys.byteorder)
    port = int.from_bytes(sockaddr[PORT_BYTES], "big")
    if family == LINUX_AF_INET:
        return str(IPv4Address(sockaddr[4:8])), port, 0
    if family == LINUX_AF_INET6:
        return str(IPv6Address(sockaddr[8:24])), port, int.from_bytes(sockaddr[24:28], sys.byteorder)
    raise ValueError(f"address family {family} is neither IPv4 nor IPv6")


def format_sockaddr(sockaddr: bytes) -> str:
    """Return ``host:port`` for people: IPv6 in brackets, IPv4 mapped into IPv6 as plain IPv4.

    Nothing is remembered: a broker is told a new address by every subscriber that comes.
    """
    packed = sockaddr_host(sockaddr)
    if packed.startswith(_IPV4_PREFIX):
        host = ".".join(map(str, packed[len(_IPV4_PREFIX) :]))
        return f"{host}:{int.from_bytes(sockaddr[PORT_BYTES], 'big')}"
    host, port, _ = decode_sockaddr(sockaddr)
    return f"[{host}]:{port}"


def sockaddr_host(sockaddr: bytes) -> bytes:
    """Return the address of a sockaddr without its port, as 16 bytes of IPv6 (IPv4 mapped)."""
    if int.from_bytes(sockaddr[:2], sys.byteorder) == LINUX_AF_INET:
        return _IPV4_PREFIX + sockaddr[4:8]
    return sockaddr[8:24]
