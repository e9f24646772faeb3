"""A UDP socket that loses datagrams in bursts, on the way out and on the way in.

Source: `tests.simnet.link`, so that a soak and a simulation lose alike.
"""

import socket
from random import Random
from typing import Any

from tests.simnet.link import RunningLink, SimLink


class LossySocket(socket.socket):
    """An IPv4 socket behind a bad link.

    Args:
        link: How much is lost each way; its delays are not used.
        random: Decides.
    """

    def __init__(self, link: SimLink, random: Random) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self._outward = RunningLink(link, random)
        self._inward = RunningLink(link, random)

    def keeps(self) -> bool:
        """Return whether a datagram that has come past `recv` arrives, and is not lost."""
        return bool(self._inward.arrivals_us(0, 0))

    def recv(self, size_bytes: int, flags: int = 0, /) -> bytes:
        """Return the next datagram that is not lost."""
        while True:
            datagram = super().recv(size_bytes, flags)
            if self.keeps():
                return datagram

    def send(self, datagram: Any, flags: int = 0, /) -> int:
        """Send a datagram, or lose it."""
        if not self._outward.arrivals_us(0, 0):
            return len(datagram)
        return super().send(datagram, flags)
