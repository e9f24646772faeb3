"""Channels that wait for what a test says, or have a bug."""

from typing import NoReturn

from headrace.hub.channel import Channel
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


class FaultySuccession(Succession):
    """Cannot take any packet, and cannot look who is to go on the air."""

    def handle_payload(self, *_args: object) -> NoReturn:
        raise ZeroDivisionError

    def handle_run(self, *_args: object) -> NoReturn:
        raise ZeroDivisionError

    def handle_timer(self, *_args: object) -> NoReturn:
        raise ZeroDivisionError


class FaultyStream(ChannelStream):
    """Cannot append what nobody else numbers, but for the first times.

    Args:
        good_times: So often.
    """

    def __init__(self, good_times: int) -> None:
        super().__init__()
        self.good_times = good_times

    def append(self, payloads: list[bytes], time_us: int) -> list[int]:
        if self.good_times == 0:
            raise ZeroDivisionError
        self.good_times -= 1
        return super().append(payloads, time_us)

    def use(self, channel: Channel) -> None:
        """Be the stream of a channel that has had no producer yet."""
        channel.stream, channel.ring, channel.succession = self, self.ring, Succession(self)
