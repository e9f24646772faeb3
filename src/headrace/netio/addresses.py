"""Host names and foreign addresses turned into the 28 bytes that a socket of one family can send to.

Source: getaddrinfo(3); RFC 4291, 2.5.5.2 (IPv4-mapped IPv6 addresses).
"""

import errno
import os
import socket
from functools import lru_cache
from ipaddress import IPv6Address

from headrace.base.sockaddr import decode_sockaddr, encode_sockaddr


def resolve_address(host: str, port: int, family: socket.AddressFamily) -> bytes:
    """Return ``host``, a name or a number, as an address for a socket of ``family``.

    Of several addresses the system's first is taken. A name that is not numeric may wait for a name server.

    Raises:
        OSError: The name is unknown, or has no address that fits.
    """
    wanted = socket.AF_INET if family == socket.AF_INET else socket.AF_UNSPEC
    found = socket.getaddrinfo(host, port, wanted, socket.SOCK_DGRAM)
    return normalise_address(encode_socket_address(found[0][4]), family)


def normalise_address(address: bytes, family: socket.AddressFamily) -> bytes:
    """Return ``address`` as a socket of ``family`` reports it, so that equal peers have equal bytes.

    Raises:
        OSError: A socket of this family cannot reach it.
    """
    host, port, _ = decode_sockaddr(address)
    is_ipv4 = ":" not in host
    if is_ipv4 == (family == socket.AF_INET):
        return address
    if is_ipv4:
        return encode_sockaddr(f"::ffff:{host}", port)
    mapped = IPv6Address(host).ipv4_mapped
    if mapped is None:
        raise OSError(errno.EAFNOSUPPORT, f"{os.strerror(errno.EAFNOSUPPORT)}: {host} from an IPv4 socket")
    return encode_sockaddr(str(mapped), port)


def encode_socket_address(address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> bytes:
    """Return the 28 bytes of an address tuple as the ``socket`` module makes it for either family."""
    match address:
        case (str(host), int(port)):
            return encode_sockaddr(host, port)
        case (str(host), int(port), int(_), int(scope_id)):
            return encode_sockaddr(host, port, scope_id)
    raise AssertionError(f"{address} is neither IPv4 nor IPv6")


@lru_cache(maxsize=4096)
def decode_socket_address(sockaddr: bytes, *, is_ipv4: bool) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return 28 bytes as the tuple that a socket wants; an IPv4 peer of an IPv6 socket is mapped.

    Raises:
        OSError: They are no address of either family.
    """
    try:
        host, port, scope_id = decode_sockaddr(sockaddr)
    except ValueError as error:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT)) from error
    if is_ipv4:
        return host, port
    return host if ":" in host else f"::ffff:{host}", port, 0, scope_id
