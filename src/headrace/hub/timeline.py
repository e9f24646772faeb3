"""How one producer's sequence numbers continue its channel's.

A channel counts its packets from 0 through all its producers' lives, so subscribers see one stream that never
starts again.
"""

from typing import Final

MAX_STEP_PACKETS: Final = 8192
"""A producer that gives up more than this at once, after an outage, leaves no gap in the channel: it is as many
packets as libsrt's receivers hold by default, and what they could not store would end their connections."""


class Timeline:
    """Maps packet indices of one producer's connection to the channel's.

    Args:
        producer_index: Index of the producer's first packet.
        channel_index: What that is in the channel.
    """

    __slots__ = ("_first_index", "_index_offset", "_newest_index")

    def __init__(self, *, producer_index: int, channel_index: int) -> None:
        self._first_index = producer_index
        self._newest_index = producer_index - 1
        self._index_offset = channel_index - producer_index

    def place(self, producer_index: int) -> int | None:
        """Return the channel's index of a packet that has come, ``producer_index`` of the producer.

        It is None for a packet from before the first, or from before a step that was too long for a gap.
        """
        step = producer_index - self._newest_index
        if step > MAX_STEP_PACKETS:
            self._index_offset -= step - 1
            self._first_index = producer_index
        if producer_index < self._first_index:
            return None
        self._newest_index = max(self._newest_index, producer_index)
        return self.channel_index(producer_index)

    def place_run(self, producer_index: int, packets: int) -> int:
        """Return the `place` of the first of consecutive packets that are newer than all received before."""
        place = self.place(producer_index)
        if place is None:
            raise AssertionError("what is newer than all has a place")
        self._newest_index = max(self._newest_index, producer_index + packets - 1)
        return place

    def channel_index(self, producer_index: int) -> int:
        """Return what the producer's packet ``producer_index`` is in the channel."""
        return producer_index + self._index_offset

    def move(self, index: int, to_index: int) -> None:
        """Let the packet that is ``index`` so far be ``to_index`` from now on; older ones have no place."""
        self._first_index = index - self._index_offset
        self._index_offset += to_index - index
