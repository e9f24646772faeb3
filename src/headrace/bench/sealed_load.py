"""The same RTP packets through a loop that seals each by itself, which the broker is compared with."""

from typing import Final

import numpy as np

from headrace.bench.c_programs import Targets
from headrace.bench.load import LoadCounts
from headrace.bench.loopback_port import LoadError, LoopbackPort
from headrace.bench.rtp_frames import SSRC, RtpFrames
from headrace.bench.rtp_receivers import READ_BYTES, RtpReceivers
from headrace.bench.sealing_loop import master_key
from headrace.bench.stream import FRAMES_PER_SECOND
from headrace.netio.clock import now_us
from headrace.webrtc.srtp import Opener

_NEVER_US: Final = 1 << 62


class SealedLoad:
    """A load of one loop.

    Args:
        relay_port: On the loopback interface.
        frames: What is sent.
        viewers: How many.

    Attributes:
        targets: Whom the loop is to send to.
        received: What has come back.
    """

    def __init__(self, relay_port: int, frames: RtpFrames, *, viewers: int) -> None:
        self._inward = LoopbackPort(relay_port, viewers, tells_numbers=True, read_bytes=READ_BYTES)
        self._outward = LoopbackPort(relay_port, 1)
        self._frames = frames
        self._viewers = viewers
        self._start_us: int | None = None
        self._sent_frames = 0
        self.targets = Targets(self._inward.first_address, viewers, self._inward.number)
        self.received = RtpReceivers(viewers)
        for number in range(viewers):
            self.received.admit(number, Opener(master_key(number)), SSRC)

    @property
    def next_frame_us(self) -> int:
        """See `Load`."""
        if self._start_us is None:
            return _NEVER_US
        return self._start_us + self._sent_frames * 1_000_000 // FRAMES_PER_SECOND

    def start(self) -> None:
        """See `Load`."""
        self._start_us = now_us() - self._sent_frames * 1_000_000 // FRAMES_PER_SECOND

    def pause(self) -> None:
        """See `Load`."""
        self._start_us = None

    def turn(self) -> None:
        """See `Load`.

        Raises:
            LoadError: Something that came was not sealed with its viewer's keys.
        """
        if now_us() >= self.next_frame_us:
            rows = self._frames.rows_of(self._sent_frames)
            lengths = self._frames.lengths[rows]
            self._outward.send(np.zeros(len(lengths), np.int64), self._frames.packets[rows], lengths)
            self._sent_frames += 1
        while (received := self._inward.receive()) is not None:
            self.received.take(received)
        if bad := self.received.forged_packets + self.received.strange_packets:
            raise LoadError(f"{bad} packets of a loop were not sealed with their viewers' keys")

    def counts(self) -> LoadCounts:
        """See `Load`."""
        arrivals = self.received.arrivals
        return LoadCounts(
            due_packets=self._viewers * self._frames.packets_before(self._sent_frames),
            received_packets=int(arrivals.received_packets.sum()),
            duplicate_packets=int(arrivals.duplicate_packets.sum()),
            recovered_packets=int(arrivals.recovered_packets.sum()),
            dropped_datagrams=self._inward.dropped_datagrams,
            shutdowns=0,
        )

    def close(self) -> None:
        """Close the sockets."""
        self._inward.close()
        self._outward.close()
