"""Cut-through with a broker of its own process and real sockets: what is missing holds up nothing but itself."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.srt_peer import SrtPeer
from tests.support.mute import is_marked
from tests.support.processes import BrokerProgram

from headrace.netio.clock import now_us
from headrace.srt.caller import CallerOptions
from headrace.srt.packet import CONTROL_BIT, HEADER_BYTES

SUBSCRIBERS = 3
PACKETS = 20
MISSING = 7
WITHHELD_US = 60_000
LATENCY_MS = 4000
"""So long the broker and subscribers wait for what is missing, on however busy a machine."""
GIVE_UP_SECONDS = 15.0


class Withholding(socket.socket):
    """Keeps one data packet back until it is released, however often the broker asks for it."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.payload = b""
        self.kept: list[bytes] = []

    def send(self, datagram: Any, flags: int = 0, /) -> int:
        if self.payload and datagram[HEADER_BYTES:] == self.payload:
            self.kept.append(datagram)
            return len(datagram)
        return super().send(datagram, flags)

    def release(self) -> None:
        self.payload = b""
        self.send(self.kept[0])


class Recording(socket.socket):
    """Notes the payloads of data packets in the order in which they come, and what was sent again apart."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.first: list[bytes] = []
        self.again: list[bytes] = []

    def recv(self, size_bytes: int, flags: int = 0, /) -> bytes:
        datagram = super().recv(size_bytes, flags)
        if int.from_bytes(datagram[:4], "big") < CONTROL_BIT:
            (self.again if is_marked(datagram) else self.first).append(datagram[HEADER_BYTES:])
        return datagram


def peer(stack: ExitStack, port: int, stream_id: str, udp: socket.socket) -> SrtPeer:
    options = CallerOptions(stream_id=stream_id, receive_latency_ms=LATENCY_MS)
    opened = stack.enter_context(SrtPeer("127.0.0.1", port, options, udp))
    opened.connect()
    return opened


def test_later_packets_reach_subscribers_before_a_missing_one_and_that_when_it_comes(tmp_path: Path) -> None:
    payloads = [bytes([number]) * 1316 for number in range(PACKETS)]
    later = payloads[:MISSING] + payloads[MISSING + 1 :]
    with BrokerProgram(tmp_path, latency_ms=LATENCY_MS) as broker, ExitStack() as stack:
        records = [Recording() for _ in range(SUBSCRIBERS)]
        subscribers = [peer(stack, broker.port, "A", record) for record in records]
        link = Withholding()
        producer = peer(stack, broker.port, "publish:A", link)

        def turn_until_all_have(count: int) -> None:
            started = time.monotonic()
            while any(len(record.first) < count for record in records):
                assert time.monotonic() - started < GIVE_UP_SECONDS, [len(record.first) for record in records]
                for each in producer, *subscribers:
                    each.turn(now_us() + 1_000)

        link.payload = payloads[MISSING]
        for payload in payloads:
            producer.connection.send(payload, now_us())
        turn_until_all_have(len(later))
        all_have_us = now_us()
        # The broker is to have asked for it: so it knew that it was missing.
        while len(link.kept) < 2 or now_us() - all_have_us < WITHHELD_US:
            assert now_us() - all_have_us < GIVE_UP_SECONDS * 1_000_000, len(link.kept)
            for each in producer, *subscribers:
                each.turn(now_us() + 1_000)
        for record in records:
            assert record.first == later
            assert payloads[MISSING] not in record.again

        link.release()
        turn_until_all_have(PACKETS)
        for record, subscriber in zip(records, subscribers, strict=True):
            assert record.first == [*later, payloads[MISSING]]
            delivered = subscriber.connection.poll_deliveries(1 << 62)
            assert [delivery.payload for delivery in delivered] == payloads
