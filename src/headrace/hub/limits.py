"""How much of everything a broker bears, each with the reason for what it is by default.

Source: ``docs/decisions/0020-limits.md``. What one packet may name has its limits where it is decoded.
"""

from dataclasses import dataclass
from typing import Final

from headrace.hub.crowd import MAX_CONNECTIONS, MAX_CONNECTIONS_PER_HOST
from headrace.hub.hub import MAX_CHANNELS

MAX_SUBSCRIBERS_PER_CHANNEL: Final = 32_768
"""Half of all connections: whoever fills a channel, whose id is no secret, leaves the others room."""
MAX_PRODUCER_BITS_PER_SECOND: Final = 200_000_000
"""Ten times what 4K needs. One producer beyond takes a core, and the others' packets wait."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Most that there may be at a time.

    Attributes:
        connections: Of producers and subscribers together.
        connections_per_host: Of one host: an IPv4 address, or a /64 of IPv6.
        channels: With a producer or a subscriber.
        subscribers_per_channel: Of one channel.
        producer_bits_per_second: Payload of one producer, resent packets with it, over some seconds.
    """

    connections: int = MAX_CONNECTIONS
    connections_per_host: int = MAX_CONNECTIONS_PER_HOST
    channels: int = MAX_CHANNELS
    subscribers_per_channel: int = MAX_SUBSCRIBERS_PER_CHANNEL
    producer_bits_per_second: int = MAX_PRODUCER_BITS_PER_SECOND


DEFAULT_LIMITS: Final = Limits()
