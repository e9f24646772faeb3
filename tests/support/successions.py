"""Channels that wait for what a test says."""

from headrace.hub.channel_stream import ChannelStream
from headrace.hub.succession import Succession


class FixedSuccession(Succession):
    """Producers that have given up all that is older than one packet, and wait for what is not.

    Args:
        stream: The channel's.
        hopeless_index: That packet.
    """

    def __init__(self, stream: ChannelStream, hopeless_index: int) -> None:
        super().__init__(stream)
        self._hopeless_index = hopeless_index

    @property
    def hopeless_index(self) -> int:
        return self._hopeless_index
