"""How the HTTP side of a broker is to be."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

DEFAULT_HTTP_PORT: Final = 8080
LOOPBACK_PROXIES: Final = "127.0.0.1,::1"


def networks_of(text: str) -> tuple[Network, ...]:
    """Return the addresses and networks that are named in ``text``, separated by commas.

    Raises:
        ValueError: One of them is neither.
    """
    return tuple(ip_network(name, strict=False) for name in map(str.strip, text.split(",")) if name)


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Where it listens, and whom it believes.

    Attributes:
        host: Address to listen on; None for all, IPv4 and IPv6.
        port: TCP port; 0 lets the system choose.
        admin_token: What opens the API's other half, besides the token of the state; None for none.
        trusted_proxies: Networks of those whose ``X-Forwarded-For`` says who asks.
    """

    host: str | None = None
    port: int = DEFAULT_HTTP_PORT
    admin_token: str | None = field(default=None, repr=False)
    trusted_proxies: tuple[Network, ...] = networks_of(LOOPBACK_PROXIES)
