"""One producer and many subscribers that note when each packet left and when the kernel took it in again.

Both run in one thread, so that no subscriber is scheduled between the time before a send and the send itself.
"""

import itertools
import select
import socket
from collections.abc import Iterator
from random import Random
from typing import Final, Protocol

import numpy as np
from bench.light_subscribers import LightSubscribers, allow_open_files, open_connected
from bench.plain_relay import SUBSCRIBE
from bench.srt_peer import SrtPeer
from bench.stamped_socket import receive_stamped, stamp_arrivals
from numpy.typing import NDArray

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.seqno import SEQNO_MASK
from headrace.fanout.subscriber_table import MAX_SUBSCRIBERS
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import TS_PACKET_BYTES
from headrace.mpegts.stream_type import StreamType
from headrace.netio.capabilities import probe_capabilities
from headrace.netio.clock import now_us, unix_time_us
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.caller import CallerOptions
from headrace.srt.packet import CONTROL_BIT, HEADER_BYTES

CHANNEL_ID: Final = "ADDED"
PAYLOAD_BYTES: Final = 1316
PACKETS_PER_FRAME: Final = 8
PICTURE_BYTES: Final = 9_700
"""With the program tables of a keyframe it takes 55 of a frame's 56 transport packets."""
KEYFRAME_INTERVAL_FRAMES: Final = 60
SUBSCRIBE_ATTEMPTS: Final = 200
SUBSCRIBE_RETRY_SECONDS: Final = 0.1

_SLICE: Final = bytes.fromhex("00000001 41")
_NULL_PACKET: Final = bytes.fromhex("471fff10").ljust(TS_PACKET_BYTES, b"\xff")
_READ_BYTES: Final = 16
"""Of a datagram; nobody needs more."""


class StampedReceiver:
    """Reads a subscriber's socket and notes the arrival of each data packet.

    Args:
        udp: Non-blocking.
    """

    def __init__(self, udp: socket.socket) -> None:
        stamp_arrivals(udp)
        self._udp = udp
        self._seqnos: list[int] = []
        self._arrivals_us: list[int] = []

    def receive_batch(self, batch: DatagramBatch) -> int:
        """Fill ``batch`` with the headers of what has come and return how many datagrams that are."""
        count = 0
        while count < batch.capacity:
            try:
                datagram, arrived_us = receive_stamped(self._udp)
            except BlockingIOError:
                break
            batch.data[count, :_READ_BYTES] = np.frombuffer(datagram[:_READ_BYTES], np.uint8)
            count += 1
            word = int.from_bytes(datagram[:4], "big")
            if word < CONTROL_BIT:
                self._seqnos.append(word)
                self._arrivals_us.append(arrived_us)
        batch.count = count
        return count

    def take_arrivals_us(self, first_seqno: int, packets: int) -> NDArray[np.float64]:
        """Return when packets first came, NaN where not, and forget all; shape ``(packets,)``."""
        arrivals_us = np.full(packets, np.nan)
        # The last assignment to a place counts, so the first arrivals come last.
        places = (np.array(self._seqnos[::-1], np.int64) - first_seqno) & SEQNO_MASK
        wanted = places < packets
        arrivals_us[places[wanted]] = np.array(self._arrivals_us[::-1], np.float64)[wanted]
        self._seqnos.clear()
        self._arrivals_us.clear()
        return arrivals_us

    def close(self) -> None:
        """Close the socket."""
        self._udp.close()


class Load(Protocol):
    """What is measured with.

    Attributes:
        sent_packets: By the producer so far.
    """

    sent_packets: int

    def send_frame(self) -> list[int]:
        """Send the packets of one frame; return the times just before each, microseconds since 1970."""

    def turn(self, wait_seconds: float) -> None:
        """Wait so long for datagrams, take them, do what is due; every few seconds, or the other side goes."""

    def take_arrivals_us(self, first_packet: int, packets: int) -> NDArray[np.float64]:
        """Return when packets came, as of `StampedReceiver`; shape ``(packets, sampled)``, in table order."""

    def close(self) -> None:
        """End all connections."""


class SrtLoad:
    """Speaks SRT to a broker.

    Args:
        port: The broker's, on the loopback interface.
        subscribers: How many.
        sampled: How many of them note arrivals, from the first row of the broker's table to the last.

    Raises:
        HeadraceError: The broker cannot be reached.
    """

    def __init__(self, port: int, subscribers: int, sampled: int) -> None:
        self.sent_packets = 0
        self._frames = frames()
        self._light = LightSubscribers("127.0.0.1", port, CHANNEL_ID)
        self._light.connect(subscribers)
        # The producer comes last: nobody keeps its connection alive while a thousand others shake hands.
        self._peer = SrtPeer("127.0.0.1", port, CallerOptions(stream_id=f"publish:{CHANNEL_ID}"))
        self._peer.connect()
        in_order = sorted(self._light.all, key=lambda one: one.parameters.peer_socket_id % MAX_SUBSCRIBERS)
        self._sampled: list[tuple[int, StampedReceiver]] = []
        for number in spread_over(subscribers, sampled):
            chosen = in_order[number]
            receiver = StampedReceiver(chosen.udp)
            chosen.receiver = receiver
            self._sampled.append((chosen.parameters.receive_seqno, receiver))

    def send_frame(self) -> list[int]:
        """See `Load`."""
        self._peer.flush()
        for payload in next(self._frames):
            self._peer.connection.send(payload, now_us())
        self.sent_packets += PACKETS_PER_FRAME
        return send_stamped(self._peer.udp, self._peer.connection.poll_datagrams())

    def turn(self, wait_seconds: float) -> None:
        """See `Load`."""
        self._peer.turn(now_us())
        self._light.turn(wait_seconds)

    def take_arrivals_us(self, first_packet: int, packets: int) -> NDArray[np.float64]:
        """See `Load`."""
        columns = [
            receiver.take_arrivals_us((first_seqno + first_packet) & SEQNO_MASK, packets)
            for first_seqno, receiver in self._sampled
        ]
        return np.stack(columns, axis=1)

    def close(self) -> None:
        """See `Load`."""
        self._light.close()
        self._peer.close()


class PlainLoad:
    """Sends datagrams of the same size to `bench.plain_relay`.

    Args:
        port: The relay's, on the loopback interface.
        subscribers: How many.
        sampled: How many of them note arrivals, from the first to the last.

    Raises:
        RuntimeError: The relay cannot be reached.
    """

    def __init__(self, port: int, subscribers: int, sampled: int) -> None:
        self.sent_packets = 0
        self._frames = frames()
        allow_open_files(2 * subscribers + 200)
        self._udp = open_connected(("127.0.0.1", port))
        self._poll = select.epoll()
        self._batch = DatagramBatch(128)
        self._receivers: dict[int, StampedReceiver | UdpSocket] = {}
        self._sampled: list[StampedReceiver] = []
        chosen = spread_over(subscribers, sampled)
        for number in range(subscribers):
            udp = open_connected(("127.0.0.1", port))
            subscribe(udp)
            self._poll.register(udp, select.EPOLLIN)
            if number in chosen:
                self._sampled.append(StampedReceiver(udp))
                self._receivers[udp.fileno()] = self._sampled[-1]
            else:
                self._receivers[udp.fileno()] = UdpSocket(udp, probe_capabilities())

    def send_frame(self) -> list[int]:
        """See `Load`."""
        first = self.sent_packets
        self.sent_packets += PACKETS_PER_FRAME
        numbered = enumerate(next(self._frames), first)
        datagrams = [number.to_bytes(4, "big") + bytes(HEADER_BYTES - 4) + payload for number, payload in numbered]
        return send_stamped(self._udp, datagrams)

    def turn(self, wait_seconds: float) -> None:
        """See `Load`."""
        for descriptor, _ in self._poll.poll(wait_seconds, len(self._receivers)):
            self._receivers[descriptor].receive_batch(self._batch)

    def take_arrivals_us(self, first_packet: int, packets: int) -> NDArray[np.float64]:
        """See `Load`."""
        return np.stack([receiver.take_arrivals_us(first_packet, packets) for receiver in self._sampled], axis=1)

    def close(self) -> None:
        """See `Load`."""
        self._poll.close()
        for receiver in self._receivers.values():
            receiver.close()
        self._udp.close()


def frames() -> Iterator[list[bytes]]:
    """Yield the payloads of a stream's frames, all of the same size: null packets fill the last payload."""
    muxer = Muxer([StreamType.H264])
    picture = _SLICE + Random(1).randbytes(PICTURE_BYTES)
    for number in itertools.count():
        is_key = number % KEYFRAME_INTERVAL_FRAMES == 0
        ts = muxer.write(0, picture, 90_000 + 3000 * number, random_access=is_key)
        missing_packets = (PACKETS_PER_FRAME * PAYLOAD_BYTES - len(ts)) // TS_PACKET_BYTES
        ts += _NULL_PACKET * missing_packets
        yield [ts[at : at + PAYLOAD_BYTES] for at in range(0, len(ts), PAYLOAD_BYTES)]


def send_stamped(udp: socket.socket, datagrams: list[bytes]) -> list[int]:
    """Send without a pause; return the times just before each, microseconds since 1970."""
    sent_us = []
    for datagram in datagrams:
        sent_us.append(unix_time_us())
        udp.send(datagram)
    return sent_us


def spread_over(count: int, sampled: int) -> list[int]:
    """Return up to ``sampled`` places of ``count``, evenly spread, the first and the last among them."""
    places: list[int] = np.unique(np.linspace(0, count - 1, min(count, sampled)).round().astype(int)).tolist()
    return places


def subscribe(udp: socket.socket) -> None:
    """Have the relay send to ``udp``.

    Raises:
        RuntimeError: It does not answer.
    """
    for _ in range(SUBSCRIBE_ATTEMPTS):
        try:
            udp.send(SUBSCRIBE)
            if select.select([udp], [], [], SUBSCRIBE_RETRY_SECONDS)[0] and udp.recv(100) == SUBSCRIBE:
                return
        except ConnectionRefusedError:  # it has not started yet
            select.select([], [], [], SUBSCRIBE_RETRY_SECONDS)
    raise RuntimeError("the plain relay does not answer")
