"""All channels of a broker, and who may join them. It decides and never sends."""

from enum import Enum, auto
from typing import Final

from headrace.fanout.ring import DEFAULT_BACKLOG, BacklogLimit
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.lineup import MAX_STANDBYS
from headrace.hub.producer import Claim, Presence, Producer

MAX_CHANNELS: Final = 10_000
"""An idle channel costs about 1 KiB: whoever subscribes to every name it can think of costs 10 MiB."""


class Admission(Enum):
    """What a producer that wants a channel is told."""

    ADMIT = auto()
    WAIT = auto()
    CONFLICT = auto()
    FULL = auto()


class Hub:
    """The channels by id. A channel exists while it has a producer, a subscriber or a tap.

    Args:
        table: The broker's subscribers.
        max_channels: Most channels at a time.
        backlog: How much a new subscriber may be sent of what there was before it came.

    Attributes:
        channels: By channel id.
    """

    __slots__ = ("_backlog", "_max_channels", "_table", "channels")

    def __init__(
        self, table: SubscriberTable, max_channels: int = MAX_CHANNELS, backlog: BacklogLimit = DEFAULT_BACKLOG
    ) -> None:
        self._table = table
        self._max_channels = max_channels
        self._backlog = backlog
        self.channels: dict[str, Channel] = {}

    def open_channel(self, channel_id: str) -> Channel | None:
        """Return the channel, a new one if need be, or None when there are too many."""
        channel = self.channels.get(channel_id)
        if channel is None and len(self.channels) < self._max_channels:
            channel = self.channels[channel_id] = Channel(channel_id, self._table, self._backlog)
        return channel

    def admit_producer(self, channel_id: str, claim: Claim, now_us: int) -> Admission:
        """Return whether a producer may have the channel now.

        ``WAIT``: somebody has it who may be gone; ask again when the caller repeats itself, and meanwhile have
        that one answer something.
        """
        channel = self.channels.get(channel_id)
        if channel is None:
            return Admission.ADMIT if len(self.channels) < self._max_channels else Admission.FULL
        standbys = channel.lineup.standbys
        if len(standbys) >= MAX_STANDBYS and not any(standby.is_silent(now_us) for standby in standbys):
            return Admission.FULL
        holder = channel.lineup.holder
        if holder is None or claim is not Claim.PRODUCE:
            return Admission.ADMIT
        match holder.challenge(now_us):
            case Presence.ALIVE:
                return Admission.CONFLICT
            case Presence.GONE:
                return Admission.ADMIT
            case Presence.UNKNOWN:
                return Admission.WAIT

    def add_producer(self, channel: Channel, producer: Producer, now_us: int) -> list[Producer]:
        """Let an admitted producer in; return those that are gone and whose place it takes."""
        gone: list[Producer] = []
        holder = channel.lineup.holder
        if holder is not None and producer.claim is Claim.PRODUCE:
            gone.append(holder)
            channel.succession.leave(holder)
        if len(channel.lineup.standbys) >= MAX_STANDBYS:
            quietest = min(channel.lineup.standbys, key=lambda standby: standby.heard_us).producer
            gone.append(quietest)
            channel.succession.leave(quietest)
        channel.succession.join(producer, now_us)
        return gone

    def remove_producer(self, channel: Channel, producer: Producer) -> None:
        """Note that ``producer`` has ended."""
        channel.succession.leave(producer)
        self.release(channel)

    def release(self, channel: Channel) -> None:
        """Forget the channel if nobody is left in it."""
        # One that was replaced may end after its channel, when another one has the id.
        is_known = self.channels.get(channel.channel_id) is channel
        if is_known and not channel.lineup and not channel.is_watched:
            del self.channels[channel.channel_id]
