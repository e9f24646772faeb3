"""What has come to each of many receivers of sealed RTP: every packet is counted, and some of them are opened.

A receiver that is real opens all. Here that would take more of the load's core than the broker takes for sealing
them: so one in `SAMPLE_PACKETS` of each receiver is opened, another one for each, and all are counted by their
numbers.

Source: RFC 3550, 5.1 and A.1 (sequence numbers); RFC 3711, 3.3 (what a receiver opens).
"""

from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.base.errors import PacketError
from headrace.bench.arrivals import Arrivals
from headrace.bench.loopback_port import Received
from headrace.webrtc.srtp import Opener

READ_BYTES: Final = 1504
"""Of each datagram: whole, as it cannot be opened otherwise."""
SAMPLE_PACKETS: Final = 64
"""Four times a second of 2.5 Mbit/s at each receiver."""

_HEADER_BYTES: Final = 12
_SEQNO_HALF: Final = 1 << 15
_SEQNO_MASK: Final = 0xFFFF


class RtpReceivers:
    """Receivers of one RTP stream each.

    Args:
        count: How many.

    Attributes:
        arrivals: Which packets have come, by receiver.
        openers: Of each, None before it has keys; its packets are strange before that.
        ssrcs: Of the stream that each gets; shape ``(count,)``.
        first_seqnos: Of the first packet that each got, -1 before that; shape ``(count,)``.
        opened_packets: Of all, that were opened.
        forged_packets: Of all, that could not be.
        strange_packets: Of all, of another stream or too short.
    """

    def __init__(self, count: int) -> None:
        self.arrivals = Arrivals(count)
        self.openers: list[Opener | None] = [None] * count
        self.ssrcs = np.full(count, -1, np.int64)
        self.first_seqnos = np.full(count, -1, np.int64)
        self.opened_packets = self.forged_packets = self.strange_packets = 0

    def admit(self, row: int, opener: Opener, ssrc: int) -> None:
        """Let a receiver get a stream."""
        self.openers[row] = opener
        self.ssrcs[row] = ssrc

    def take(self, received: Received) -> None:
        """Take datagrams that are RTP, going by their first bytes."""
        rows = received.numbers
        words = np.ascontiguousarray(received.data[:, :_HEADER_BYTES]).view(">u4").astype(np.int64)
        is_known = (received.lengths > _HEADER_BYTES) & (words[:, 2] == self.ssrcs[rows])
        if not is_known.all():
            self.strange_packets += int((~is_known).sum())
            received, rows, words = received.take(is_known), rows[is_known], words[is_known]
        if not len(rows):
            return
        seqnos = words[:, 0] & _SEQNO_MASK
        self.arrivals.take(rows, self._indices(rows, seqnos))
        for position in np.flatnonzero((seqnos + rows) % SAMPLE_PACKETS == 0).tolist():
            self._open(int(rows[position]), received.datagram(position))

    def _indices(self, rows: I64Array, seqnos: I64Array) -> I64Array:
        """Return the numbers without end, from 0 at the first packet of each receiver."""
        new = self.first_seqnos[rows] < 0
        if new.any():
            first_rows, positions = np.unique(rows[new], return_index=True)
            self.first_seqnos[first_rows] = seqnos[new][positions]
        near = self.arrivals.next_index[rows]
        steps = (seqnos - self.first_seqnos[rows] - near + _SEQNO_HALF & _SEQNO_MASK) - _SEQNO_HALF
        # What was sent before the first that came has no number.
        indices: I64Array = np.maximum(near + steps, 0)
        return indices

    def _open(self, row: int, datagram: bytes) -> None:
        opener = self.openers[row]
        assert opener is not None
        try:
            opener.open_rtp(datagram)
        except PacketError:
            self.forged_packets += 1
        else:
            self.opened_packets += 1
