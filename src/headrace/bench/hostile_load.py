"""Somebody who sends a broker so many hostile datagrams a second, evenly, from thousands of addresses."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from headrace.bench.hostile_datagrams import Pool, Targets, make_pool
from headrace.bench.load import Load, LoadCounts, run_loads
from headrace.bench.loopback_port import LoadError, LoopbackPort
from headrace.netio.clock import now_us
from headrace.srt.handshake import SRT_MAGIC, Handshake, HandshakeType, decode_handshake, encode_handshake
from headrace.srt.packet import HEADER_BYTES, ControlType, encode_control

POOL_DATAGRAMS: Final = 16_384
PEERS: Final = 20_000
"""Addresses that it sends from."""
ANSWERED_PEERS: Final = 64
"""Of these it shows its address at first, so that its cookies are good."""
COOKIE_SECONDS: Final = 30.0
CALL_AGAIN_US: Final = 500_000
"""Who has got no cookie by then calls again."""
MOST_AT_ONCE: Final = 512
"""After it was held up itself it sends no more than this at a time."""


class HostileLoad:
    """See `headrace.bench.load.Load`; it has neither producers nor subscribers.

    Args:
        broker_port: On the loopback interface.
        datagrams_per_second: While it is started.
        producer_ids: The broker's socket ids of live producers.
        subscriber_ids: And of live subscribers.
        beside: Other loads, which are kept alive until it has its cookies.

    Attributes:
        sent_datagrams: So far.
        sent_bytes: Of these.
        answered_bytes: What came back, and found room.

    Raises:
        LoadError: The broker gives it no cookies.
    """

    def __init__(
        self,
        broker_port: int,
        datagrams_per_second: int,
        *,
        producer_ids: Sequence[int],
        subscriber_ids: Sequence[int],
        beside: Sequence[Load] = (),
    ) -> None:
        self._port = LoopbackPort(broker_port, PEERS, tells_numbers=True)
        self._per_second = datagrams_per_second
        self._start_us: int | None = None
        self._position = 0
        self._due_datagrams = 0
        self.sent_datagrams = self.sent_bytes = self.answered_bytes = 0
        try:
            cookies = self._collect_cookies(beside)
        except BaseException:
            self.close()
            raise
        self._pool: Pool = make_pool(POOL_DATAGRAMS, Targets(producer_ids, subscriber_ids, cookies, PEERS))

    def _collect_cookies(self, beside: Sequence[Load]) -> dict[int, int]:
        body = encode_handshake(Handshake(4, 0, 2, 0, 1500, 8192, HandshakeType.INDUCTION, 1))
        call = encode_control(ControlType.HANDSHAKE, timestamp_us=0, dst_socket_id=0, body=body)
        calls = np.tile(np.frombuffer(call, np.uint8), (ANSWERED_PEERS, 1))
        cookies: dict[int, int] = {}
        call_us = now_us()
        end_us = call_us + int(1e6 * COOKIE_SECONDS)
        while len(cookies) < ANSWERED_PEERS:
            if now_us() >= call_us:
                call_us += CALL_AGAIN_US
                self._port.send(np.arange(ANSWERED_PEERS), calls, np.full(ANSWERED_PEERS, len(call)))
            run_loads(beside, 0.001)
            received = self._port.receive()
            if received is not None:
                for row, number in enumerate(received.numbers.tolist()):
                    answer = decode_handshake(received.datagram(row)[HEADER_BYTES:])
                    if answer.extension_field == SRT_MAGIC:
                        cookies[number] = answer.cookie
            if now_us() > end_us:
                raise LoadError(f"only {len(cookies)} of {ANSWERED_PEERS} inductions were answered")
        return cookies

    @property
    def next_frame_us(self) -> int:
        """See `Load`: it sends whenever it is looked after."""
        return 1 << 62

    def start(self) -> None:
        """Begin to send."""
        self._start_us = now_us()
        self._due_datagrams = 0

    def pause(self) -> None:
        """Send no more."""
        self._start_us = None

    def turn(self) -> None:
        """Send what is due, and count what has come back."""
        if self._start_us is not None:
            due = (now_us() - self._start_us) * self._per_second // 1_000_000
            self._send(min(due - self._due_datagrams, MOST_AT_ONCE))
            # What it was too late for is not made up for: a broker would have had a rest meanwhile.
            self._due_datagrams = max(self._due_datagrams, due - MOST_AT_ONCE)
        received = self._port.receive()
        if received is not None:
            self.answered_bytes += int(received.lengths.sum())

    def _send(self, count: int) -> None:
        if count <= 0:
            return
        pool = self._pool
        rows = (self._position + np.arange(count)) % len(pool.lengths)
        self._position += count
        self._due_datagrams += count
        lengths = pool.lengths[rows]
        self._port.send(pool.numbers[rows], pool.data[rows], lengths)
        self.sent_datagrams += count
        self.sent_bytes += int(lengths.sum())

    def counts(self) -> LoadCounts:
        """See `Load`: nothing is due."""
        return LoadCounts(0, 0, 0, 0, 0, 0)

    def close(self) -> None:
        """Close the socket."""
        self._port.close()
