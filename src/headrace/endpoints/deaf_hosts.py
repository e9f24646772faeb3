"""Hosts of which somebody was told a key and did not answer, so that the next one who calls is not asked again."""

from collections import OrderedDict
from typing import Final

from headrace.base.hosts import host_number

DEAF_US: Final = 3_600_000_000
"""A program that cannot answer can the same in an hour; a network that lost every answer is better by then. Who is
taken for deaf wrongly has a key of its own, which costs the broker 2 us a packet."""
MAX_DEAF_HOSTS: Final = 4096
"""500 kB; of more, those that were asked longest ago are asked again."""


class DeafHosts:
    """Remembers them, in bounded memory."""

    __slots__ = ("_until_us",)

    def __init__(self) -> None:
        self._until_us: OrderedDict[int, int] = OrderedDict()

    def note(self, address: bytes, now_us: int) -> None:
        """Note that somebody at ``address``, of 28 bytes, did not answer."""
        host = host_number(address)
        self._until_us.pop(host, None)
        self._until_us[host] = now_us + DEAF_US
        if len(self._until_us) > MAX_DEAF_HOSTS:
            self._until_us.popitem(last=False)

    def is_deaf(self, address: bytes, now_us: int) -> bool:
        """Return whether somebody of the host of ``address`` did not answer of late."""
        return now_us < self._until_us.get(host_number(address), now_us)
