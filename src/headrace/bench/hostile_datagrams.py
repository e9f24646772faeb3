"""What somebody sends who means harm: nonsense, and valid packets with something wrong.

Source: draft-sharabayko-srt, 3; the mutations are those of ``docs/decisions/0020-limits.md``.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.srt.handshake import Handshake, HandshakeType, LiveCapabilities, encode_handshake
from headrace.srt.packet import MAX_PAYLOAD_BYTES, ControlType, encode_control, encode_data_header

MAX_BYTES: Final = 1472
"""What an Ethernet frame holds of UDP."""
SHORT_BYTES: Final = 96
"""Most are about so long: who wants many a second does not send long ones."""

_PRODUCER_IDS: Final = 0x4000_0000, 0xFFFF_FFFF
_SUBSCRIBER_IDS: Final = 1, 0x3FFF_FFFF
_KINDS: Final = 10


class Pool(NamedTuple):
    """Datagrams that are sent again and again, ``n`` of them.

    Attributes:
        data: One a row; shape ``(n, MAX_BYTES)``.
        lengths: Bytes used of each; shape ``(n,)``.
        numbers: The peer from which each comes; shape ``(n,)``.
    """

    data: U8Array
    lengths: I64Array
    numbers: I64Array


class Targets(NamedTuple):
    """What the attacker knows.

    Attributes:
        producer_ids: The broker's socket ids of live producers.
        subscriber_ids: And of live subscribers.
        cookies: Good ones, by the number of the peer that they were given to.
        peers: It sends from so many addresses; the first are those of the live peers, with another port.
    """

    producer_ids: Sequence[int]
    subscriber_ids: Sequence[int]
    cookies: Mapping[int, int]
    peers: int


def make_pool(count: int, targets: Targets, seed: int = 1) -> Pool:
    """Return ``count`` datagrams of all kinds, mixed."""
    maker = _Maker(targets, np.random.default_rng(seed))
    pool = Pool(np.zeros((count, MAX_BYTES), np.uint8), np.zeros(count, np.int64), np.zeros(count, np.int64))
    for row in range(count):
        datagram, number = maker.make(row % _KINDS)
        datagram = datagram[:MAX_BYTES]
        pool.data[row, : len(datagram)] = np.frombuffer(datagram, np.uint8)
        pool.lengths[row], pool.numbers[row] = len(datagram), number
    order = np.random.default_rng(seed).permutation(count)
    return Pool(pool.data[order], pool.lengths[order], pool.numbers[order])


class _Maker:
    def __init__(self, targets: Targets, random: np.random.Generator) -> None:
        self._targets = targets
        self._random = random

    def make(self, kind: int) -> tuple[bytes, int]:
        """Return a datagram of one of ten kinds, and the peer that sends it."""
        number = self._below(self._targets.peers)
        match kind:
            case 0:
                return self._random.bytes(self._below(MAX_BYTES + 1)), number
            case 1:
                return self._handshake(HandshakeType.INDUCTION, 0), number
            case 2:
                return self._handshake(HandshakeType.CONCLUSION, self._word()), number
            case 3 if self._targets.cookies:
                number = int(self._random.choice(list(self._targets.cookies)))
                return self._handshake(HandshakeType.CONCLUSION, self._targets.cookies[number]), number
            case 4:
                return self._data(self._between(*_PRODUCER_IDS)), number
            case 5:
                return self._control(self._between(*_SUBSCRIBER_IDS)), number
            case 6:
                return self._data(self._live(self._targets.producer_ids)), number
            case 7:
                return self._control(self._live(self._targets.producer_ids)), number
            case 8:
                return self._control(self._live(self._targets.subscriber_ids)), number
        return self._spoilt(self.make(1 + self._below(8))[0]), number

    def _below(self, end: int) -> int:
        return int(self._random.integers(end))

    def _between(self, low: int, high: int) -> int:
        return int(self._random.integers(low, high + 1))

    def _word(self) -> int:
        return self._below(1 << 32)

    def _live(self, socket_ids: Sequence[int]) -> int:
        return int(self._random.choice(socket_ids))

    def _length(self, most: int) -> int:
        """Return a length up to ``most``; one in eight may be long."""
        return self._below(most + 1 if self._below(8) == 0 else min(most, SHORT_BYTES) + 1)

    def _handshake(self, kind: int, cookie: int) -> bytes:
        # Ids that are refused: what is let in is no flood, but an audience.
        stream_id = f"../{'x' * self._length(400)}"
        body = encode_handshake(
            Handshake(
                version=4 if kind == HandshakeType.INDUCTION else 5,
                encryption_field=0,
                extension_field=2 if kind == HandshakeType.INDUCTION else 5,
                initial_seqno=self._word() >> 1,
                mss_bytes=1500,
                flow_window_packets=8192,
                handshake_type=kind,
                socket_id=self._between(1, (1 << 31) - 1),
                cookie=cookie,
                capabilities=None if kind == HandshakeType.INDUCTION else LiveCapabilities(),
                stream_id=None if kind == HandshakeType.INDUCTION else stream_id,
            )
        )
        return encode_control(ControlType.HANDSHAKE, timestamp_us=self._word(), dst_socket_id=0, body=body)

    def _control(self, socket_id: int) -> bytes:
        kinds = (ControlType.ACK, ControlType.NAK, ControlType.SHUTDOWN, ControlType.KEEPALIVE, ControlType.ACKACK)
        return encode_control(
            kinds[self._below(len(kinds))],
            timestamp_us=self._word(),
            dst_socket_id=socket_id,
            info=self._word(),
            body=self._random.bytes(self._length(MAX_PAYLOAD_BYTES)),
        )

    def _data(self, socket_id: int) -> bytes:
        header = encode_data_header(
            seqno=self._word() >> 1, message_word=self._word(), timestamp_us=self._word(), dst_socket_id=socket_id
        )
        return header + self._random.bytes(self._length(MAX_PAYLOAD_BYTES))

    def _spoilt(self, datagram: bytes) -> bytes:
        """Return a datagram with some of its bytes changed, and perhaps its end cut off."""
        spoilt = bytearray(datagram)
        for _ in range(1 + self._below(4)):
            spoilt[self._below(len(spoilt))] = self._below(256)
        return bytes(spoilt[: self._between(1, len(spoilt))]) if self._below(2) else bytes(spoilt)
