"""A batch of received datagrams as columns of SRT header words.

Source: draft-sharabayko-srt, 3.
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import DatagramBatch, I64Array, U8Array, U32Array
from headrace.fanout.acknowledgements import ACK_WORDS
from headrace.fanout.subscriber_table import Rows
from headrace.mpegts.packet import MAX_PACKETS_PER_DATAGRAM, TS_PACKET_BYTES
from headrace.srt.packet import CONTROL_BIT, HEADER_BYTES, ControlType, Header

LISTENER_SOCKET_ID: Final = 0
HEADER_WORDS: Final = HEADER_BYTES // 4

# NumPy takes twice as long with a number of Python's.
_CONTROL_BIT: Final = np.uint32(CONTROL_BIT)
_TYPE_SHIFT: Final = np.uint32(16)
_WIRE_WORD: Final = np.dtype(">u4")
_WORD_BYTES: Final = 4
_TRANSPORT_WORDS: Final = slice(
    HEADER_BYTES // _WORD_BYTES,
    (HEADER_BYTES + MAX_PACKETS_PER_DATAGRAM * TS_PACKET_BYTES) // _WORD_BYTES,
    TS_PACKET_BYTES // _WORD_BYTES,
)


class PacketColumns(NamedTuple):
    """``n`` received packets.

    Attributes:
        words: First words in host order; shape ``(n, 8)``, uint32. Zeros where there is no whole header; the four
            after the header mean nothing past a datagram's end.
        data: Datagrams; shape ``(n, w)``, as wide as the longest or wider.
        lengths: Bytes used of each row; shape ``(n,)``.
        addresses: Where each came from; shape ``(n, 28)``.
    """

    words: U32Array
    data: U8Array
    lengths: I64Array
    addresses: U8Array

    @classmethod
    def of(cls, batch: DatagramBatch) -> "PacketColumns":
        """Return the filled rows of ``batch``; all but the words are views of it."""
        count = batch.count
        lengths = batch.lengths[:count]
        words = batch.data.view(">u4")[:count, :ACK_WORDS].astype(np.uint32)
        if count and np.minimum.reduce(lengths) < HEADER_BYTES:
            words[lengths < HEADER_BYTES] = 0
        return cls(words, batch.data[:count], lengths, batch.addresses[:count])

    def take(self, rows: Rows) -> "PacketColumns":
        """Return copies of the packets at ``rows``."""
        lengths = self.lengths[rows]
        # A whole row of a batch is 48 times as much to copy as an ACK.
        data = self.data[:, : lengths.max(initial=0)][rows]
        return PacketColumns(self.words[rows], data, lengths, self.addresses[rows])

    @property
    def dst_socket_id(self) -> U32Array:
        """Destination socket ids; shape ``(n,)``."""
        return self.words[:, 3]

    @property
    def control_type(self) -> U32Array:
        """Control type of each, 0x8000 and more for data packets; shape ``(n,)``."""
        return (self.words[:, 0] ^ _CONTROL_BIT) >> _TYPE_SHIFT

    def is_handshake(self, row: int) -> bool:
        """Return whether one packet is a handshake."""
        header = self.header(row)
        return header.is_control and header.control_type == ControlType.HANDSHAKE

    def transport_headers(self, rows: slice) -> U32Array:
        """Return, of each payload at ``rows``, the four bytes at each multiple of 188; shape ``(n, 7)``."""
        return self.data.view(_WIRE_WORD)[:, _TRANSPORT_WORDS][rows].astype(np.uint32)

    def headers(self, rows: Rows) -> list[list[int]]:
        """Return the header words at ``rows``, in the order of `Header`."""
        words = self.words if len(rows) == len(self.words) else self.words[rows]
        headers: list[list[int]] = words[:, :HEADER_WORDS].tolist()
        return headers

    def header(self, row: int) -> Header:
        """Return one packet's header."""
        return Header._make(self.words[row, :HEADER_WORDS].tolist())

    def body(self, row: int) -> bytes:
        """Return a copy of what follows one packet's header."""
        body: bytes = self.data[row, HEADER_BYTES : self.lengths[row]].tobytes()
        return body

    def payload(self, row: int) -> U8Array:
        """Return a view of what follows one packet's header."""
        return self.data[row, HEADER_BYTES : self.lengths[row]]

    def payloads(self, rows: slice) -> U8Array:
        """Return a view of what follows the headers of some packets, and of what is past their ends."""
        return self.data[rows, HEADER_BYTES:]

    def address(self, row: int) -> bytes:
        """Return a copy of where one packet came from, 28 bytes."""
        address: bytes = self.addresses[row].tobytes()
        return address
