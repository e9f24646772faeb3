"""A producer that speaks SRT with one broker, and viewers by WHEP of its channel.

The first viewer joins while the stream flows, so that the broker knows how it is encoded. The stream then stands
still before a keyframe, until all others have joined: so nobody has a backlog to catch up with.
"""

from collections.abc import Callable, Sequence
from typing import Final

from headrace.bench.joining import producer_options
from headrace.bench.light_producers import LightProducers
from headrace.bench.light_viewers import LightViewers
from headrace.bench.load import Load, LoadCounts, run_loads
from headrace.bench.loopback_port import LoadError, LoopbackPort
from headrace.bench.rtp_frames import RtpFrames, make_rtp_frames
from headrace.bench.rtp_receivers import READ_BYTES
from headrace.bench.stream import Stream
from headrace.bench.whep_post import WhepPosts
from headrace.netio.clock import now_us

CHANNEL: Final = "BENCH-RTC"
CONNECT_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 0.3


class RtcLoad:
    """A load of one broker, connected to it.

    Args:
        broker_port: Of SRT, on the loopback interface.
        http_port: Of WHEP.
        rtc_port: Of WebRTC.
        stream: What the producer sends.
        viewers: How many; at least one.
        keyframe_interval_frames: Of the stream.
        beside: Other loads, which are kept alive until this one is connected.

    Attributes:
        producer: Of the channel.
        viewers: Who watch it.
        frames: What they get.

    Raises:
        HeadraceError: The broker cannot be reached, or refuses somebody.
    """

    def __init__(
        self,
        broker_port: int,
        http_port: int,
        rtc_port: int,
        stream: Stream,
        *,
        viewers: int,
        keyframe_interval_frames: int,
        beside: Sequence[Load] = (),
    ) -> None:
        self._count = viewers
        self._interval = keyframe_interval_frames
        self._beside = beside
        self.frames: RtpFrames = make_rtp_frames(stream)
        self._posts = WhepPosts(http_port, CHANNEL)
        self._ports = [
            LoopbackPort(broker_port, 1),
            LoopbackPort(rtc_port, viewers, tells_numbers=True, read_bytes=READ_BYTES),
        ]
        self.viewers = LightViewers(self._ports[1], viewers, self._posts.send)
        self.producer = LightProducers(self._ports[0], producer_options([CHANNEL]), stream)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        self._run_until(lambda: self.producer.is_connected, "the producer has no connection")
        self.start()
        self.viewers.let_join(1)
        self._run_until(lambda: self.viewers.has_started, "the first viewer has got nothing")
        self._run_until(lambda: not self.sent_frames % self._interval, "there is no keyframe")
        self.pause()
        self.viewers.let_join(self._count)
        self._run_until(lambda: self.viewers.has_joined, "not everybody has a connection")
        self.start()
        self._run_until(lambda: self.viewers.has_started, "not everybody has got something")
        self.pause()
        run_loads([self, *self._beside], SETTLE_SECONDS)

    def _run_until(self, is_there: Callable[[], bool], otherwise: str) -> None:
        end_us = now_us() + int(1e6 * CONNECT_SECONDS)
        while not is_there():
            run_loads([self, *self._beside], 0.001)
            if now_us() > end_us:
                raise LoadError(f"{otherwise} after {CONNECT_SECONDS:.0f} s")

    @property
    def sent_frames(self) -> int:
        """That the producer has sent so far."""
        return int(self.producer.sent_frames[0])

    @property
    def next_frame_us(self) -> int:
        """See `Load`."""
        return self.producer.next_frame_us

    def start(self) -> None:
        """See `Load`."""
        self.producer.start()

    def pause(self) -> None:
        """See `Load`."""
        self.producer.pause()

    def turn(self) -> None:
        """See `Load`.

        Raises:
            LoadError: Something that came was not sealed with its viewer's keys.
        """
        self.producer.turn()
        self.viewers.turn()
        received = self.viewers.received
        if bad := received.forged_packets + received.strange_packets + self.viewers.forged_reports:
            raise LoadError(f"{bad} packets to viewers were not theirs, or not sealed with their keys")

    def counts(self) -> LoadCounts:
        """See `Load`: all viewers are due all packets, those before they came as well."""
        return LoadCounts.of(
            self.viewers.received.arrivals,
            due_packets=self._count * self.frames.packets_before(self.sent_frames),
            dropped_datagrams=sum(port.dropped_datagrams for port in self._ports),
            shutdowns=self.viewers.shutdowns + self.producer.shutdowns,
        )

    def close(self) -> None:
        """End all sessions."""
        self._posts.close()
        self.viewers.close()
        self.producer.close()
        for port in self._ports:
            port.close()
