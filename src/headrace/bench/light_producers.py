"""Many producers as rows of arrays: a real handshake each, then a stream in bursts, and what a sender owes.

Each sends a frame's packets at once, thirty times a second; their frames are spread evenly over a frame's time.
It answers acknowledgements and sends again what is asked for, but no more often than once in a round trip.

Source: draft-sharabayko-srt, 4.8, and libsrt 1.5.1 (`core.cpp`: `packLostData`) for when what is sent again.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.base.seqno import SEQNO_MASK, seqno_distance
from headrace.bench.feedback import Sides, encode_empty
from headrace.bench.joining import Joining
from headrace.bench.load import Observer
from headrace.bench.loopback_port import Port, Received
from headrace.bench.stream import FRAMES_PER_SECOND, Stream
from headrace.fanout.headers import message_words
from headrace.netio.clock import now_us
from headrace.srt.caller import CallerOptions
from headrace.srt.connection import KEEPALIVE_US, ConnectionParameters
from headrace.srt.packet import HEADER_BYTES, RETRANSMITTED_FLAG, ControlType, decode_loss_report
from headrace.srt.rtt import INITIAL_RTT_US

KEPT_PACKETS: Final = 8192
"""Of each producer, to be sent again: 1.7 s of 50 Mbit/s."""
MIN_TAIL_PROBE_US: Final = 100_000
"""After the last packet, when nothing follows it; three frames' time, so that it happens in pauses alone."""


class LightProducers:
    """Producers of a channel each.

    Args:
        port: With as many peers.
        options: What each asks for.
        stream: What each sends.
        observer: Is told of data packets.

    Attributes:
        next_index: Packets that each has sent for the first time; shape ``(count,)``.
        resent_packets: Of all.
        acks_received_packets: Of all.
        naks_received_packets: Of all.
        shutdowns: How many were told that their connection is over.
    """

    def __init__(
        self, port: Port, options: Sequence[CallerOptions], stream: Stream, observer: Observer | None = None
    ) -> None:
        count = len(options)
        self._port = port
        self._joining = Joining(options, seed=2)
        self._stream = stream
        self._observer = observer
        self._is_open = np.zeros(count, np.bool_)
        self._first_seqno = np.zeros(count, np.int64)
        self._sides = Sides(np.zeros(count, np.int64), np.zeros(count, np.int64))
        self._rtt_us = np.full(count, INITIAL_RTT_US, np.int64)
        self._sent_us = np.zeros(count, np.int64)
        self._frames = np.zeros(count, np.int64)
        self._start_us = np.zeros(count, np.int64)
        self._origin_us = np.zeros((count, KEPT_PACKETS), np.int64)
        self._resent_us = np.zeros((count, KEPT_PACKETS), np.int64)
        self._acked_index = np.zeros(count, np.int64)
        self._is_streaming = False
        self.next_index = np.zeros(count, np.int64)
        self.resent_packets = self.acks_received_packets = self.naks_received_packets = self.shutdowns = 0

    @property
    def is_connected(self) -> bool:
        """Whether everybody has a connection."""
        return self._joining.is_over

    @property
    def peer_socket_ids(self) -> I64Array:
        """The broker's socket id of each; shape ``(count,)``."""
        return self._sides.peer_socket_id

    @property
    def sent_frames(self) -> I64Array:
        """How many each has sent; shape ``(count,)``."""
        return self._frames

    @property
    def next_frame_us(self) -> int:
        """When the next frame of anybody is due; far in the future while nobody streams."""
        if not self._is_streaming:
            return 1 << 62
        return int(self._due_us().min())

    def start(self) -> None:
        """Let the streams begin, spread over the time of a frame, or go on after a pause."""
        count = len(self._frames)
        phases_us = np.arange(count) * 1_000_000 // (FRAMES_PER_SECOND * count)
        self._start_us = now_us() + phases_us - self._frames * 1_000_000 // FRAMES_PER_SECOND
        self._is_streaming = True

    def pause(self) -> None:
        """Send no new frames."""
        self._is_streaming = False

    def _due_us(self) -> I64Array:
        return self._start_us + self._frames * 1_000_000 // FRAMES_PER_SECOND

    def turn(self) -> None:
        """Send the frames whose time has come, take what has come, do what is due.

        Raises:
            HeadraceError: Somebody's handshake failed.
        """
        if not self._joining.is_over:
            for number, datagram in self._joining.poll_datagrams(now_us()):
                self._port.send(
                    np.array([number]), np.frombuffer(datagram, np.uint8)[None], np.array([len(datagram)])
                )
        if self._is_streaming:
            self._send_frames()
        while (received := self._port.receive()) is not None:
            self._take(received)
        self._probe_tails(now_us())
        silent = np.flatnonzero(self._is_open & (now_us() - self._sent_us >= KEEPALIVE_US))
        if len(silent):
            self._send_empty(silent, ControlType.KEEPALIVE)

    def _send_frames(self) -> None:
        time_us = now_us()
        due = np.flatnonzero(self._due_us() <= time_us)
        if not len(due):
            return
        counts = self._stream.frame_packets(self._frames[due])
        first = self.next_index[due]
        rows = np.repeat(due, counts)
        steps = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        indices = np.repeat(first, counts) + steps
        self._origin_us[rows, indices % KEPT_PACKETS] = time_us
        sent_us = self._send_packets(rows, indices, 0)
        self.next_index[due] += counts
        self._frames[due] += 1
        if self._observer is not None:
            self._observer.note_sent(rows, indices, sent_us)

    def _probe_tails(self, time_us: int) -> None:
        """Send the newest packet again where its acknowledgement does not come: nobody misses a lost last one."""
        patience_us = np.maximum(MIN_TAIL_PROBE_US, 4 * self._rtt_us)
        is_waiting = (self._acked_index < self.next_index) & (time_us - self._sent_us >= patience_us)
        rows = np.flatnonzero(self._is_open & is_waiting)
        if len(rows):
            self._send_packets(rows, self.next_index[rows] - 1, RETRANSMITTED_FLAG)
            self.resent_packets += len(rows)

    def _send_packets(self, rows: I64Array, indices: I64Array, flags: int) -> I64Array:
        words = np.empty((len(rows), 4), ">u4")
        words[:, 0] = (self._first_seqno[rows] + indices) & SEQNO_MASK
        words[:, 1] = message_words(indices) | flags
        words[:, 2] = (self._origin_us[rows, indices % KEPT_PACKETS] - self._sides.epoch_us[rows]) & 0xFFFF_FFFF
        words[:, 3] = self._sides.peer_socket_id[rows]
        self._sent_us[rows] = now_us()
        headers: U8Array = words.view(np.uint8)
        payloads = self._stream.payloads
        return self._port.send_data(rows, headers, payloads, indices % len(payloads))

    def _take(self, received: Received) -> None:
        words = received.words
        rows, kinds = words[:, 3] - 1, words[:, 0] >> 16 & 0x7FFF
        known = (rows >= 0) & (rows < len(self._frames))
        acks = np.flatnonzero(known & (kinds == ControlType.ACK))
        if len(acks):
            self._take_acks(received, rows[acks], words[acks, 1], acks)
        for position in np.flatnonzero(known & (kinds != ControlType.ACK)).tolist():
            self._take_rare(int(rows[position]), int(kinds[position]), received.datagram(position))

    def _take_acks(self, received: Received, rows: I64Array, numbers: I64Array, positions: I64Array) -> None:
        self.acks_received_packets += len(rows)
        is_full = numbers > 0
        rows, numbers, positions = rows[is_full], numbers[is_full], positions[is_full]
        if len(rows):
            body = np.ascontiguousarray(received.data[positions, 16:24]).view(">u4").astype(np.int64)
            self._acked_index[rows] = (body[:, 0] - self._first_seqno[rows]) & SEQNO_MASK
            self._rtt_us[rows] = body[:, 1]
            datagrams = encode_empty(ControlType.ACKACK, self._of(rows), now_us=now_us(), info=numbers)
            self._port.send(rows, datagrams.data, datagrams.lengths)
            self._sent_us[rows] = now_us()

    def _take_rare(self, row: int, kind: int, datagram: bytes) -> None:
        if kind == ControlType.HANDSHAKE:
            parameters = self._joining.handle_datagram(row, datagram, now_us())
            if parameters is not None:
                self._admit(row, parameters)
        elif kind == ControlType.NAK:
            self._resend(row, datagram[HEADER_BYTES:])
        elif kind == ControlType.SHUTDOWN:
            self.shutdowns += int(self._is_open[row])
            self._is_open[row] = False

    def _admit(self, row: int, parameters: ConnectionParameters) -> None:
        self._is_open[row] = True
        self._first_seqno[row] = parameters.send_seqno
        self._sides.epoch_us[row] = parameters.epoch_us
        self._sides.peer_socket_id[row] = parameters.peer_socket_id
        self._sent_us[row] = now_us()

    def _resend(self, row: int, report: bytes) -> None:
        """Send again what a loss report names, unless that is under way already, or not kept any more."""
        self.naks_received_packets += 1
        first_seqno, time_us = int(self._first_seqno[row]) & SEQNO_MASK, now_us()
        indices: list[int] = []
        for first, last in decode_loss_report(report):
            start = (first - first_seqno) & SEQNO_MASK
            indices += range(start, start + seqno_distance(first, last) + 1)
        wanted = np.array(indices, np.int64)
        next_index = int(self.next_index[row])
        wanted = wanted[(wanted < next_index) & (wanted >= next_index - KEPT_PACKETS)]
        wanted = wanted[time_us - self._resent_us[row, wanted % KEPT_PACKETS] >= self._rtt_us[row]]
        if len(wanted):
            self._resent_us[row, wanted % KEPT_PACKETS] = time_us
            self._send_packets(np.full(len(wanted), row), wanted, RETRANSMITTED_FLAG)
            self.resent_packets += len(wanted)

    def _of(self, rows: I64Array) -> Sides:
        return Sides(self._sides.epoch_us[rows], self._sides.peer_socket_id[rows])

    def _send_empty(self, rows: I64Array, kind: ControlType) -> None:
        datagrams = encode_empty(kind, self._of(rows), now_us=now_us())
        self._port.send(rows, datagrams.data, datagrams.lengths)
        self._sent_us[rows] = now_us()

    def close(self) -> None:
        """Say goodbye to the broker."""
        rows = np.flatnonzero(self._is_open)
        if len(rows):
            self._send_empty(rows, ControlType.SHUTDOWN)
        self._is_open[rows] = False
