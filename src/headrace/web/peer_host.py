"""Whose address a request came from: what limits for each host count by."""

from ipaddress import ip_address

from starlette.requests import HTTPConnection

from headrace.base.hosts import host_number
from headrace.base.sockaddr import encode_sockaddr

UNKNOWN_HOST = "0.0.0.0"  # noqa: S104 - it is listened on by nobody here
"""Of a request that came from no address that is known: all such count as one host."""


def peer_host(request: HTTPConnection) -> str:
    """Return the address, IPv4 or IPv6 without its port; behind a proxy that is trusted, what that says."""
    return plain_host(request.client.host) if request.client else UNKNOWN_HOST


def plain_host(host: str) -> str:
    """Return an address without its zone; one of IPv4 in its own form, also where a socket of IPv6 has got it.

    Proxies say ``unknown`` too, or a name that they made up (RFC 7239, 6): then it is `UNKNOWN_HOST`.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return UNKNOWN_HOST
    return str(getattr(address, "ipv4_mapped", None) or address)


def number_of(host: str) -> int:
    """Return the same number for all addresses of one host; 0 for what is no address."""
    try:
        return host_number(encode_sockaddr(host, 0))
    except (ValueError, OSError):
        return 0
