"""Producers of a channel and their streams of pictures, without a network."""

from collections.abc import Iterable

import numpy as np
from tests.support.groups import Groups
from tests.support.srt_datagrams import PARAMETERS, THERE

from headrace.hub.channel import Channel
from headrace.hub.producer import Claim, Producer
from headrace.srt.connection import Connection

FIRST = PARAMETERS.receive_seqno
START_US = PARAMETERS.established_us
FRAME_US = 33_000
SECOND_US = 1_000_000


class Sender:
    """A producer of a channel, and its stream of pictures."""

    def __init__(self, channel: Channel, claim: Claim = Claim.PRODUCE, *, seed: int = 1, frames: int = 10) -> None:
        self.channel = channel
        self.producer = Producer(Connection(PARAMETERS), THERE, claim)
        self.groups = Groups(frames, payloads=2, keyframe_payloads=4, seed=seed)
        self.sent: list[bytes] = []

    def join(self, now_us: int = START_US) -> "Sender":
        self.channel.succession.join(self.producer, now_us)
        return self

    def send(self, payloads: Iterable[bytes], now_us: int, *, first: int | None = None) -> list[int]:
        """Send payloads, from packet ``first`` on; return what is new in the channel's ring."""
        fresh: list[int] = []
        for index, payload in enumerate(payloads, len(self.sent) if first is None else first):
            content = np.frombuffer(payload, np.uint8)
            timestamp_us = (PARAMETERS.peer_timestamp_us + now_us - START_US) % 2**32
            fresh += self.channel.succession.handle_payload(
                self.producer, FIRST + index, content, timestamp_us, now_us
            )
            if first is None:
                self.sent.append(payload)
        return fresh

    def frames(self, count: int, now_us: int) -> list[int]:
        """Send so many pictures, 33 ms apart from ``now_us`` on."""
        fresh: list[int] = []
        for number in range(count):
            fresh += self.send(self.groups.next_frame(), now_us + number * FRAME_US)
        return fresh
