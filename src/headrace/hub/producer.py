"""A channel's producer: its connection, its timeline, and whether it is still there when another one comes."""

from enum import Enum, auto
from typing import Final

from headrace.base.sockaddr import format_sockaddr
from headrace.hub.timeline import Timeline
from headrace.srt.connection import Connection

MIN_SILENCE_US: Final = 400_000
"""A live producer sends a frame every 20 to 40 ms and answers a full ACK at once: ten of those intervals."""
CHALLENGE_LIFETIME_US: Final = 3_000_000
"""Callers give up after 3 s; an older challenge was another caller's."""


class Claim(Enum):
    """When a producer gets on the air."""

    PRODUCE = auto()
    """When nobody else is."""
    TAKE_OVER = auto()
    """At its first keyframe, in place of whoever is."""
    STAND_BY = auto()
    """When nobody else is, or who is has fallen silent."""


class Presence(Enum):
    """What is known of a producer whose channel another one wants."""

    UNKNOWN = auto()
    ALIVE = auto()
    GONE = auto()


class Producer:
    """One producer's connection to its channel.

    Args:
        connection: Open; its receiver orders the packets, the channel's ring keeps them.
        address: The producer's, 28 bytes.
        claim: What it asked for.
        host: Where it is, if ``address`` is that of a client of our own, which it produces by way of.

    Attributes:
        connection: As given.
        address: As given.
        claim: As given.
        timeline: Which index each of its packets has, in the channel or, while it stands by, in its own ring.
    """

    __slots__ = ("_challenged_us", "_host", "address", "claim", "connection", "timeline")

    def __init__(
        self, connection: Connection, address: bytes, claim: Claim = Claim.PRODUCE, host: str | None = None
    ) -> None:
        self.connection = connection
        self.address = address
        self.claim = claim
        self.timeline = Timeline(producer_index=connection.parameters.receive_seqno, channel_index=0)
        self._challenged_us: int | None = None
        self._host = host

    @property
    def whereabouts(self) -> str:
        """Where people are told that it is: ``HOST:PORT``, or a host alone."""
        return self._host or format_sockaddr(self.address)

    def channel_time_us(self, timestamp_us: int) -> int:
        """Return the channel's time, which is the broker's, of a packet that the producer stamped (32 bits).

        It follows the drift of the producer's clock: 50 ppm would use up a latency of 180 ms within an hour.
        """
        return self.connection.receiver.clock.origin_us(timestamp_us)

    def challenge(self, now_us: int) -> Presence:
        """Return whether this producer is still there; call it again while that is unknown.

        The first call begins a challenge, during which the caller has it answer something. One that was killed
        stays silent, while its connection would time out only seconds later.
        """
        started_us = self._challenged_us
        if started_us is None or now_us - started_us > CHALLENGE_LIFETIME_US:
            self._challenged_us = now_us
            return Presence.UNKNOWN
        if self.connection.heard_us > started_us:
            self._challenged_us = None
            return Presence.ALIVE
        needed_us = max(MIN_SILENCE_US, 3 * self.connection.receiver.round_trip.rtt_us)
        return Presence.GONE if now_us - started_us >= needed_us else Presence.UNKNOWN
