"""How many connections there are, in all and of each host, and whether one more is let in.

There is no half-open connection to be counted: until its cookie comes back a caller costs no memory.

Source: ``docs/decisions/0020-limits.md``.
"""

from collections import Counter
from typing import Final

from headrace.base.hosts import host_number

MAX_CONNECTIONS: Final = 65_536
"""Of 2.5 Mbit/s these would be 160 Gbit/s, more than a machine sends; they take 130 MB."""
MAX_CONNECTIONS_PER_HOST: Final = 4_096
"""A mobile carrier has hundreds of viewers behind one address, a test some thousands. One address alone has a
sixteenth of all at most."""


class Crowd:
    """All connections by socket id and host.

    Args:
        max_connections: In all.
        max_of_host: Of one host, as `headrace.base.hosts` has it.
    """

    __slots__ = ("_hosts", "_max_connections", "_max_of_host", "_of_host")

    def __init__(
        self, max_connections: int = MAX_CONNECTIONS, max_of_host: int = MAX_CONNECTIONS_PER_HOST
    ) -> None:
        self._max_connections = max_connections
        self._max_of_host = max_of_host
        self._hosts: dict[int, int] = {}
        self._of_host: Counter[int] = Counter()

    def __len__(self) -> int:
        """Connections in all."""
        return len(self._hosts)

    def limit_reached(self, address: bytes) -> str | None:
        """Return which limit keeps one more from ``address`` out, ``connections`` or ``connections_of_host``."""
        if len(self._hosts) >= self._max_connections:
            return "connections"
        if self._of_host.get(host_number(address), 0) >= self._max_of_host:
            return "connections_of_host"
        return None

    def enter(self, socket_id: int, address: bytes) -> None:
        """Count a new connection."""
        host = self._hosts[socket_id] = host_number(address)
        self._of_host[host] += 1

    def leave(self, socket_id: int) -> None:
        """Count one no more; one that is not known is passed over."""
        host = self._hosts.pop(socket_id, None)
        if host is None:
            return
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]
