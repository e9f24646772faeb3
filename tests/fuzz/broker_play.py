"""A broker's endpoint and some peers, who do what a script says: what is right, at the wrong moment or in part."""

from collections import Counter
from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.targets.connection import MESSAGES, WAITS_US
from tests.fuzz.targets.start_points import CODECS, codec_stream
from tests.support.outbox import CollectingOutbox
from tests.support.srt_datagrams import control, data, words
from tests.support.transport import small_stream

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.srt.caller import CallerOptions, induction_request
from headrace.srt.handshake import (
    ExtensionFlags,
    Handshake,
    HandshakeType,
    LiveCapabilities,
    decode_handshake,
    encode_handshake,
)
from headrace.srt.listener import ListenerOptions
from headrace.srt.packet import HEADER_BYTES, ControlType, decode_header

PEERS: Final = 6
WINDOW_PACKETS: Final = 256
START_US: Final = 1_000_000
MOST_DATAGRAMS: Final = 256
"""Of one batch."""
MOST_TIMERS: Final = 4_000
"""Of one wait of six seconds: a broker wants to be called each 5 ms at most."""
STREAM_IDS: Final = (
    "publish:a",
    "a",
    "publish:b",
    "#!::r=a,m=publish,takeover=1",
    "#!::r=a,m=publish,standby=1",
    "b",
    "#!::r=a,m=bidirectional",
    "../a",
    "",
)
_DATAGRAM_BYTES: Final = 1316


def _payloads() -> list[bytes]:
    streams = [small_stream(8, payload_bytes=900), *map(codec_stream, CODECS)]
    pieces = [ts[at : at + _DATAGRAM_BYTES] for ts in streams for at in range(0, len(ts), _DATAGRAM_BYTES)]
    return [*pieces, b"x", bytes(188), b"\x47" * 1456, bytes(1457), b""]


PAYLOADS: Final = _payloads()


class Peer:
    """Somebody who calls the broker, and may be connected.

    Args:
        number: Names its address.
    """

    def __init__(self, number: int) -> None:
        self.address = encode_sockaddr("10.0.0.9", 4000 + number)
        self.socket_id = 0x5000 + number
        self.initial_seqno = (0x7FFF_FFF0 + 3 * number) % 0x7FFF_FFFF
        self.broker_id = 0
        self.epoch_us = 0
        self.next_seqno = self.initial_seqno

    def conclusion(self, cookie: int, stream_id: str) -> bytes:
        """Return the body of what it says once it has a cookie."""
        return encode_handshake(
            Handshake(
                version=5,
                encryption_field=0,
                extension_field=ExtensionFlags.HSREQ | ExtensionFlags.CONFIG,
                initial_seqno=self.initial_seqno,
                mss_bytes=1500,
                flow_window_packets=WINDOW_PACKETS,
                handshake_type=HandshakeType.CONCLUSION,
                socket_id=self.socket_id,
                cookie=cookie,
                capabilities=LiveCapabilities(),
                stream_id=stream_id,
            )
        )


class BrokerPlay:
    """Plays a script.

    Attributes:
        endpoint: The broker's.
        handed_bytes: What it was given, with something for each packet and each look at the time.
    """

    def __init__(self) -> None:
        self.outbox = CollectingOutbox()
        options = ListenerOptions(flow_window_packets=WINDOW_PACKETS)
        self.endpoint = SrtEndpoint(options, self.outbox, Random(1).randbytes)
        self.handed_bytes = 0
        self.now_us = START_US
        self._peers = [Peer(number) for number in range(PEERS)]
        self._strangers = [encode_sockaddr(f"10.9.0.{number}", 5000) for number in range(4)]
        self._stranger_bytes: Counter[bytes] = Counter()
        self._batch: list[tuple[bytes, bytes]] = []
        self._last = b""

    def step(self, reader: Reader) -> None:
        """Do one thing."""
        what, peer = reader.below(9), self._peers[reader.below(PEERS)]
        match what:
            case 0:
                self.flush()
                self._wait(WAITS_US[reader.below(len(WAITS_US))])
            case 1:
                self._call(peer, STREAM_IDS[reader.below(len(STREAM_IDS))], reader)
            case 2:
                self._send_many(peer, reader)
            case 3:
                self._send_one(peer, reader)
            case 4:
                self._control(peer, reader)
            case 5:
                self._put(reader.take(16) + reader.take(reader.number(1)), peer.address)
            case 6:
                self._put(self._spoilt(self._last, reader), peer.address)
            case 7:
                host = "10.0.0.9" if reader.below(2) else "10.0.0.8"
                self._put(self._spoilt(self._last, reader), encode_sockaddr(host, 7000 + reader.below(4)))
            case _:
                self._speak_as_stranger(reader)

    def _put(self, datagram: bytes, address: bytes) -> None:
        self._last = datagram[:1500]
        self._batch.append((self._last, address))
        self.handed_bytes += 96 + len(self._last)
        if len(self._batch) >= MOST_DATAGRAMS:
            self.flush()

    @staticmethod
    def _spoilt(datagram: bytes, reader: Reader) -> bytes:
        if not datagram:
            return datagram
        at = min(reader.number(1) * reader.number(1), len(datagram) - 1)
        spoilt = datagram[:at] + reader.take(4) + datagram[at + 4 :]
        return spoilt[: -reader.below(8) or None]

    def flush(self) -> None:
        """Hand over what has gathered, as one batch."""
        batch = DatagramBatch(len(self._batch))
        for datagram, address in self._batch:
            assert batch.append(datagram, address)
        self._batch.clear()
        self.endpoint.handle_batch(batch, self.now_us)
        batch.data[:] = 0xAA
        self._take_answers()

    def _take_answers(self) -> None:
        for datagram, address in self.outbox.take():
            if address in self._strangers:
                self._stranger_bytes[address] -= len(datagram)
        assert min(self._stranger_bytes.values(), default=0) >= 0

    def _call(self, peer: Peer, stream_id: str, reader: Reader) -> None:
        """Shake hands, with a word of the conclusion wrong at times."""
        hello = encode_handshake(induction_request(CallerOptions(), peer.socket_id, peer.initial_seqno))
        cookie = self._ask(hello, peer).cookie
        asked = peer.conclusion(cookie, stream_id)
        if reader.below(4) == 0:
            asked = self._spoilt(asked, reader)
        answer = self._ask(asked, peer)
        if answer.handshake_type == HandshakeType.CONCLUSION and answer.socket_id != peer.socket_id:
            if peer.broker_id != answer.socket_id:
                peer.next_seqno, peer.epoch_us = peer.initial_seqno, self.now_us
            peer.broker_id = answer.socket_id

    def _ask(self, body: bytes, peer: Peer) -> Handshake:
        """Send one handshake packet; return the answer, or what was said where there is none."""
        self.flush()
        self._put(control(ControlType.HANDSHAKE, body, to=0), peer.address)
        batch = DatagramBatch(1)
        batch.append(*self._batch.pop())
        self.endpoint.handle_batch(batch, self.now_us)
        for datagram, address in self.outbox.take():
            header = decode_header(datagram)
            if address == peer.address and header.is_control and header.control_type == ControlType.HANDSHAKE:
                return decode_handshake(datagram[HEADER_BYTES:])
        return decode_handshake(peer.conclusion(0, ""))

    def _send_many(self, peer: Peer, reader: Reader) -> None:
        first, count = reader.below(len(PAYLOADS)), 1 + reader.below(64)
        for number in range(count):
            payload = PAYLOADS[(first + number) % (len(PAYLOADS) - 2)]
            self._put(self._data(peer, 0, MESSAGES[0], payload, 0), peer.address)

    def _send_one(self, peer: Peer, reader: Reader) -> None:
        step, word1 = (reader.number(1) - 128) ** 3 // 16, MESSAGES[reader.below(8)]
        payload = PAYLOADS[reader.below(len(PAYLOADS))]
        self._put(self._data(peer, step, word1, payload, reader.number(1) << 24), peer.address)

    def _data(self, peer: Peer, step: int, word1: int, payload: bytes, later_us: int) -> bytes:
        seqno = (peer.next_seqno + step) & 0x7FFF_FFFF
        peer.next_seqno = (seqno + 1) & 0x7FFF_FFFF
        timestamp_us = self.now_us - peer.epoch_us + later_us & 0xFFFF_FFFF
        return data(seqno, payload, word1=word1, timestamp_us=timestamp_us, to=peer.broker_id)

    def _control(self, peer: Peer, reader: Reader) -> None:
        kind, count = reader.below(10), reader.below(12)
        body = [reader.word(peer.initial_seqno, peer.next_seqno) for _ in range(count)]
        if reader.below(4) == 0:
            body *= 30
        content = words(*body) + bytes(reader.below(4))
        kind = 0x7FFF if kind == 9 else kind
        self._put(control(kind, content, info=reader.number(1), to=peer.broker_id), peer.address)

    def _speak_as_stranger(self, reader: Reader) -> None:
        address = self._strangers[reader.below(len(self._strangers))]
        hello = encode_handshake(induction_request(CallerOptions(), 0x77, 9))
        said = control(ControlType.HANDSHAKE, hello, to=0) if reader.below(2) else self._last
        said = self._spoilt(said, reader)
        self._stranger_bytes[address] += len(said[:1500])
        self._put(said, address)

    def _wait(self, wait_us: int) -> None:
        end_us = self.now_us + wait_us
        for _ in range(MOST_TIMERS):
            due_us = self.endpoint.poll_timer()
            if due_us is None or due_us > end_us:
                break
            self.now_us = max(self.now_us, due_us)
            self.endpoint.handle_timer(self.now_us)
            self.handed_bytes += 128
        else:
            raise AssertionError("it wants to be called too often")
        self.now_us = end_us
        self._take_answers()
