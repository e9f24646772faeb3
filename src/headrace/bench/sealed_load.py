"""The same RTP packets through a loop that seals each by itself, which the broker is compared with."""

import numpy as np

from headrace.bench.c_programs import Targets
from headrace.bench.frame_clock import FrameClock
from headrace.bench.load import LoadCounts
from headrace.bench.loopback_port import LoadError, LoopbackPort
from headrace.bench.rtp_frames import SSRC, RtpFrames
from headrace.bench.rtp_receivers import READ_BYTES, RtpReceivers
from headrace.bench.sealing_loop import master_key
from headrace.bench.stream import FRAMES_PER_SECOND
from headrace.netio.clock import now_us
from headrace.webrtc.srtp import Opener


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
        self._clock = FrameClock(FRAMES_PER_SECOND)
        self.targets = Targets(self._inward.first_address, viewers, self._inward.number)
        self.received = RtpReceivers(viewers)
        for number in range(viewers):
            self.received.admit(number, Opener(master_key(number)), SSRC)

    @property
    def next_frame_us(self) -> int:
        """See `Load`."""
        return self._clock.next_frame_us

    def start(self) -> None:
        """See `Load`."""
        self._clock.start()

    def pause(self) -> None:
        """See `Load`."""
        self._clock.pause()

    def turn(self) -> None:
        """See `Load`.

        Raises:
            LoadError: Something that came was not sealed with its viewer's keys.
        """
        if now_us() >= self._clock.next_frame_us:
            rows = self._frames.rows_of(self._clock.frames)
            lengths = self._frames.lengths[rows]
            self._outward.send(np.zeros(len(lengths), np.int64), self._frames.packets[rows], lengths)
            self._clock.frames += 1
        while (received := self._inward.receive()) is not None:
            self.received.take(received)
        if bad := self.received.forged_packets + self.received.strange_packets:
            raise LoadError(f"{bad} packets of a loop were not sealed with their viewers' keys")

    def counts(self) -> LoadCounts:
        """See `Load`."""
        due_packets = self._viewers * self._frames.packets_before(self._clock.frames)
        return LoadCounts.of(self.received.arrivals, due_packets, self._inward.dropped_datagrams)

    def close(self) -> None:
        """Close the sockets."""
        self._inward.close()
        self._outward.close()
