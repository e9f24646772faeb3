"""The same packets without SRT, through a relay that is compared with the broker: nobody answers anything."""

from typing import Final

import numpy as np

from headrace.bench.arrivals import Arrivals
from headrace.bench.c_programs import Targets
from headrace.bench.load import LoadCounts, Observer
from headrace.bench.loopback_port import LoopbackPort
from headrace.bench.stream import FRAMES_PER_SECOND, Stream
from headrace.netio.clock import now_us

_NEVER_US: Final = 1 << 62


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
        self._frames_per_second = FRAMES_PER_SECOND * producers
        self._observer = observer
        self._arrivals = Arrivals(subscribers)
        self._subscribers = subscribers
        self._frames = self._packets = 0
        self._start_us: int | None = None
        self.targets = Targets(self._inward.first_address, subscribers, self._inward.number)

    @property
    def next_frame_us(self) -> int:
        """See `Load`."""
        if self._start_us is None:
            return _NEVER_US
        return self._start_us + self._frames * 1_000_000 // self._frames_per_second

    def start(self) -> None:
        """See `Load`."""
        self._start_us = now_us() - self._frames * 1_000_000 // self._frames_per_second

    def pause(self) -> None:
        """See `Load`."""
        self._start_us = None

    def turn(self) -> None:
        """See `Load`."""
        if now_us() >= self.next_frame_us:
            self._send_frame()
        while (received := self._inward.receive()) is not None:
            indices = received.words[:, 0]
            self._arrivals.take(received.numbers, indices)
            if self._observer is not None:
                self._observer.note_arrivals(received.numbers, indices, received.arrivals_us)

    def _send_frame(self) -> None:
        count = int(self._stream.frame_packets(np.array([self._frames]))[0])
        indices = np.arange(self._packets, self._packets + count)
        words = np.zeros((count, 4), ">u4")
        words[:, 0] = indices
        payloads = self._stream.payloads
        rows = np.zeros(count, np.int64)
        sent_us = self._outward.send_data(rows, words.view(np.uint8), payloads, indices % len(payloads))
        self._frames += 1
        self._packets += count
        if self._observer is not None:
            self._observer.note_sent(rows, indices, sent_us)

    def counts(self) -> LoadCounts:
        """See `Load`."""
        arrivals = self._arrivals
        return LoadCounts(
            due_packets=self._packets * self._subscribers,
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
