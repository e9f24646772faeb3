"""The same packets without SRT, through a relay that is compared with the broker: nobody answers anything."""

import numpy as np

from headrace.bench.arrivals import Arrivals
from headrace.bench.c_programs import Targets
from headrace.bench.frame_clock import FrameClock
from headrace.bench.load import LoadCounts, Observer
from headrace.bench.loopback_port import LoopbackPort
from headrace.bench.stream import FRAMES_PER_SECOND, Stream
from headrace.netio.clock import now_us


class PlainLoad:
    """A load of one relay.

    Args:
        relay_port: On the loopback interface.
        stream: What is sent.
        subscribers: How many.
        producers: As many streams are sent, their frames spread evenly.
        observer: Is told of data packets; arrivals are stamped then.

    Attributes:
        targets: Whom the relay is to send to.
    """

    def __init__(
        self,
        relay_port: int,
        stream: Stream,
        *,
        subscribers: int,
        producers: int = 1,
        observer: Observer | None = None,
    ) -> None:
        stamps = observer is not None
        self._inward = LoopbackPort(relay_port, subscribers, stamps=stamps, tells_numbers=True)
        self._outward = LoopbackPort(relay_port, 1, stamps=stamps)
        self._stream = stream
        self._clock = FrameClock(FRAMES_PER_SECOND * producers)
        self._observer = observer
        self._arrivals = Arrivals(subscribers)
        self._subscribers = subscribers
        self._packets = 0
        self.targets = Targets(self._inward.first_address, subscribers, self._inward.number)

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
        """See `Load`."""
        if now_us() >= self._clock.next_frame_us:
            self._send_frame()
        while (received := self._inward.receive()) is not None:
            indices = received.words[:, 0]
            self._arrivals.take(received.numbers, indices)
            if self._observer is not None:
                self._observer.note_arrivals(received.numbers, indices, received.arrivals_us)

    def _send_frame(self) -> None:
        count = int(self._stream.frame_packets(np.array([self._clock.frames]))[0])
        indices = np.arange(self._packets, self._packets + count)
        words = np.zeros((count, 4), ">u4")
        words[:, 0] = indices
        payloads = self._stream.payloads
        rows = np.zeros(count, np.int64)
        sent_us = self._outward.send_data(rows, words.view(np.uint8), payloads, indices % len(payloads))
        self._clock.frames += 1
        self._packets += count
        if self._observer is not None:
            self._observer.note_sent(rows, indices, sent_us)

    def counts(self) -> LoadCounts:
        """See `Load`."""
        due_packets = self._packets * self._subscribers
        return LoadCounts.of(self._arrivals, due_packets, self._inward.dropped_datagrams)

    def close(self) -> None:
        """Close the sockets."""
        self._inward.close()
        self._outward.close()
