"""Whose address a request came from: what limits for each host count by."""

from starlette.requests import HTTPConnection

from headrace.base.hosts import host_number
from headrace.base.sockaddr import encode_sockaddr

UNKNOWN_HOST = "0.0.0.0"  # noqa: S104 - it is listened on by nobody here
"""Of a request that came from no address: all such count as one host."""


def peer_host(request: HTTPConnection) -> str:
    """Return the address, IPv4 or IPv6 without its port; behind a proxy that is trusted, what that says."""
    return plain_host(request.client.host) if request.client else UNKNOWN_HOST


def plain_host(host: str) -> str:
    """Return an address without its zone; one of IPv4 in its own form, also where a socket of IPv6 has got it."""
    return host.removeprefix("::ffff:").partition("%")[0]


def number_of(host: str) -> int:
    """Return the same number for all addresses of one host; 0 for what is no address."""
    try:
        return host_number(encode_sockaddr(host, 0))
    except (ValueError, OSError):
        return 0
