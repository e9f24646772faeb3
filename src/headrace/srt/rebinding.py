"""When a connection may follow its peer to another port: a NAT on the way has given it a new one.

Source: ``docs/decisions/0013-nat-rebinding.md``.
"""

from typing import Final

from headrace.base.sockaddr import sockaddr_host

REBIND_SILENCE_US: Final = 500_000
"""While data flows a live peer is heard every 10 to 40 ms: the old port has been silent for a dozen of these."""
KEEPALIVE_REBIND_SILENCE_US: Final = 2_500_000
"""A keepalive proves nothing but the socket id: it counts only once two of them are missing at the old port."""


class Rebindings:
    """Which peers are heard from another port of their host than the one that they are known by."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: dict[int, tuple[bytes, int]] = {}

    def __len__(self) -> int:
        return len(self._heard)

    def forget(self, socket_id: int) -> None:
        """Note that the peer of our ``socket_id`` speaks from its known port, or not at all any more."""
        self._heard.pop(socket_id, None)

    def handle_proven(self, socket_id: int, address: bytes, now_us: int) -> bool:
        """Note a packet from another port that can only be the peer's; return whether to move there now.

        Args:
            socket_id: Ours.
            address: Where it came from, 28 bytes.
            now_us: The time.
        """
        known = self._heard.get(socket_id)
        if known is None or known[0] != address:
            self._heard[socket_id] = address, now_us
            return False
        return now_us - known[1] >= REBIND_SILENCE_US


def is_same_host(one: bytes, other: bytes) -> bool:
    """Return whether two addresses of 28 bytes differ in their port at most."""
    return sockaddr_host(one) == sockaddr_host(other)
