"""Thousands of subscribers as rows of arrays: a real handshake each, then only what a receiver owes its sender.

Each notes which packets have come, acknowledges every 10 ms while data flows and until that is answered, reports
gaps at once and again, gives up what its latency has passed, and keeps its connection alive. It holds no payload.

Source: draft-sharabayko-srt, 4.8, 4.9, and libsrt 1.5.1 for when what is sent again.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array
from headrace.base.seqno import SEQNO_MASK, unwrap_seqno
from headrace.bench.arrivals import Arrivals, Taken
from headrace.bench.feedback import (
    Datagrams,
    Sides,
    encode_acks,
    encode_empty,
    encode_light_acks,
    encode_loss_reports,
)
from headrace.bench.joining import Joining
from headrace.bench.load import Observer
from headrace.bench.loopback_port import Port, Received
from headrace.bench.round_trips import ACK_INTERVAL_US, RoundTrips
from headrace.netio.clock import now_us
from headrace.srt.acknowledger import LIGHT_ACK_PACKETS
from headrace.srt.caller import CallerOptions
from headrace.srt.connection import KEEPALIVE_US, ConnectionParameters
from headrace.srt.packet import CONTROL_BIT, HEADER_BYTES, ControlType, decode_drop_request

ACK_PHASES: Final = 10
"""Real receivers tick each at its own time: a tenth of them acknowledge in each millisecond."""
MAX_BATCHES_A_TURN: Final = 64
"""Then acknowledgements get their turn, although more has come."""
HISTORY_TICKS: Final = 512
"""Of ACK ticks, for latencies up to 5.11 s."""

_NEVER_US: Final = 1 << 62
_COMMON: Final = frozenset({ControlType.ACKACK, ControlType.KEEPALIVE, ControlType.CONGESTION_WARNING})


class LightSubscribers:
    """Subscribers to one channel or to several.

    Args:
        port: With as many peers.
        options: What each asks for.
        observer: Is told of data packets, new or not.

    Attributes:
        arrivals: What has come, by subscriber.
        acks_sent_packets: Full ones, of all.
        naks_sent_packets: Of all.
        ackacks_received_packets: Of all.
        shutdowns: How many were told that their connection is over.
    """

    def __init__(self, port: Port, options: Sequence[CallerOptions], observer: Observer | None = None) -> None:
        count = len(options)
        self._port = port
        self._joining = Joining(options)
        self._observer = observer
        self.arrivals = Arrivals(count)
        self._round_trips = RoundTrips(count)
        self._is_open = np.zeros(count, np.bool_)
        self._first_seqno = np.zeros(count, np.int64)
        self._sides = Sides(np.zeros(count, np.int64), np.zeros(count, np.int64))
        self._latency_ticks = np.zeros(count, np.int64)
        self._history = np.zeros((HISTORY_TICKS, count), np.int64)
        self._sent_us = np.zeros(count, np.int64)
        self._nak_us = np.full(count, _NEVER_US)
        self._since_ack_packets = np.zeros(count, np.int64)
        self._ticks = 0
        self._tick_us = now_us()
        self.acks_sent_packets = self.naks_sent_packets = self.ackacks_received_packets = self.shutdowns = 0

    @property
    def is_connected(self) -> bool:
        """Whether everybody has a connection."""
        return self._joining.is_over

    @property
    def peer_socket_ids(self) -> I64Array:
        """The broker's socket id of each; shape ``(count,)``."""
        return self._sides.peer_socket_id

    def turn(self) -> None:
        """Take what has come, and do what is due.

        Raises:
            HeadraceError: Somebody's handshake failed.
        """
        if not self._joining.is_over:
            for number, datagram in self._joining.poll_datagrams(now_us()):
                self._port.send(
                    np.array([number]), np.frombuffer(datagram, np.uint8)[None], np.array([len(datagram)])
                )
        for _ in range(MAX_BATCHES_A_TURN):
            received = self._port.receive()
            if received is not None:
                self._take(received)
            if now_us() >= self._tick_us:
                self._tick(now_us())
            if received is None:
                return

    def _take(self, received: Received) -> None:
        words = received.words
        rows = words[:, 3] - 1
        known = (rows >= 0) & (rows < len(self._sent_us))
        is_data = known & (words[:, 0] < CONTROL_BIT)
        if not is_data.all():
            self._take_controls(received, words, np.flatnonzero(known & ~is_data))
            rows, words = rows[is_data], words[is_data]
        indices = (words[:, 0] - self._first_seqno[rows]) & SEQNO_MASK
        if len(rows):
            self._take_data(rows, indices, now_us())
            if self._observer is not None:
                self._observer.note_arrivals(rows, indices, received.arrivals_us[is_data])

    def _take_data(self, rows: I64Array, indices: I64Array, time_us: int) -> None:
        taken = self.arrivals.take(rows, indices)
        self._since_ack_packets[taken.rows] += taken.counts
        light = taken.rows[self._since_ack_packets[taken.rows] >= LIGHT_ACK_PACKETS]
        if len(light):
            self._since_ack_packets[light] -= LIGHT_ACK_PACKETS
            self._send(light, encode_light_acks(self._of(light), seqnos=self._ack_seqnos(light), now_us=time_us))
        contiguous = self.arrivals.contiguous_index[taken.rows]
        gappy = (contiguous < self.arrivals.next_index[taken.rows]) & (self._next(taken) > taken.old_next_index)
        if gappy.any():
            self._report_new_gaps(taken.rows[gappy], taken.old_next_index[gappy], time_us)

    def _next(self, taken: Taken) -> I64Array:
        return self.arrivals.next_index[taken.rows]

    def _report_new_gaps(self, rows: I64Array, low: I64Array, time_us: int) -> None:
        low = np.maximum(low, self.arrivals.contiguous_index[rows])
        missing = self.arrivals.missing(rows, low, self.arrivals.next_index[rows])
        new = missing.any(axis=1)
        self._report(rows[new], low[new], missing[new], time_us)
        idle = rows[self._nak_us[rows] == _NEVER_US]
        self._nak_us[idle] = time_us + self._round_trips.nak_interval_us(idle)

    def _report(self, rows: I64Array, low: I64Array, missing: BoolArray, time_us: int) -> None:
        if len(rows):
            first_seqnos = self._first_seqno[rows] + low
            datagrams = encode_loss_reports(
                self._of(rows), first_seqnos=first_seqnos, missing=missing, now_us=time_us
            )
            self._send(rows, datagrams)
            self.naks_sent_packets += len(rows)

    def _take_controls(self, received: Received, words: I64Array, positions: I64Array) -> None:
        kinds = words[positions, 0] >> 16 & 0x7FFF
        ackacks = positions[kinds == ControlType.ACKACK]
        if len(ackacks):
            self.ackacks_received_packets += len(ackacks)
            self._round_trips.settle(words[ackacks, 3] - 1, words[ackacks, 1], now_us())
        for position, kind in zip(positions.tolist(), kinds.tolist(), strict=True):
            if kind not in _COMMON:
                self._take_rare(int(words[position, 3]) - 1, kind, received.datagram(position))

    def _take_rare(self, row: int, kind: int, datagram: bytes) -> None:
        if kind == ControlType.HANDSHAKE:
            parameters = self._joining.handle_datagram(row, datagram, now_us())
            if parameters is not None:
                self._admit(row, parameters)
        elif kind == ControlType.SHUTDOWN:
            self.shutdowns += int(self._is_open[row])
            self._is_open[row] = False
        elif kind == ControlType.DROP_REQUEST:
            last = decode_drop_request(datagram[HEADER_BYTES:])[1]
            index = unwrap_seqno(last, int(self._first_seqno[row] + self.arrivals.next_index[row])) + 1
            self.arrivals.give_up_below(np.array([row]), np.array([index - self._first_seqno[row]]))

    def _admit(self, row: int, parameters: ConnectionParameters) -> None:
        self._is_open[row] = True
        self._first_seqno[row] = parameters.receive_seqno
        self._sides.epoch_us[row] = parameters.epoch_us
        self._sides.peer_socket_id[row] = parameters.peer_socket_id
        self._latency_ticks[row] = min(parameters.receive_latency_us // ACK_INTERVAL_US, HISTORY_TICKS - 1)
        self._sent_us[row] = now_us()

    def _tick(self, time_us: int) -> None:
        """Do what a tenth of the subscribers owe at their tick, and report what anybody is still missing."""
        self._tick_us = max(self._tick_us + ACK_INTERVAL_US // ACK_PHASES, time_us - ACK_INTERVAL_US)
        self._ticks += 1
        rows = np.arange(self._ticks % ACK_PHASES, len(self._sent_us), ACK_PHASES)
        rows = rows[self._is_open[rows]]
        self._give_up(rows, self._ticks // ACK_PHASES)
        self._acknowledge(rows, time_us)
        silent = rows[time_us - self._sent_us[rows] >= KEEPALIVE_US]
        if len(silent):
            self._send_empty(silent, ControlType.KEEPALIVE)
        due = np.flatnonzero(self._nak_us <= time_us)
        if len(due):
            self._report_again(due[self._is_open[due]], time_us)

    def _give_up(self, rows: I64Array, tick: int) -> None:
        """Give up what was passed over a latency ago."""
        self._history[tick % HISTORY_TICKS, rows] = self.arrivals.next_index[rows]
        passed = self._history[(tick - self._latency_ticks[rows]) % HISTORY_TICKS, rows]
        self.arrivals.give_up_below(rows, passed)

    def _acknowledge(self, rows: I64Array, time_us: int) -> None:
        trips = self._round_trips
        due = trips.due(rows, self.arrivals.contiguous_index[rows], time_us)
        if not len(due):
            return
        trips.open(due, self.arrivals.contiguous_index[due], time_us)
        datagrams = encode_acks(
            self._of(due),
            numbers=trips.number[due],
            seqnos=self._ack_seqnos(due),
            rtt_us=trips.rtt_us[due],
            variance_us=trips.variance_us[due],
            now_us=time_us,
        )
        self._since_ack_packets[due] = 0
        self._send(due, datagrams)
        self.acks_sent_packets += len(due)

    def _report_again(self, rows: I64Array, time_us: int) -> None:
        low = self.arrivals.contiguous_index[rows]
        missing = self.arrivals.missing(rows, low, self.arrivals.next_index[rows])
        is_missing = missing.any(axis=1)
        self._report(rows[is_missing], low[is_missing], missing[is_missing], time_us)
        self._nak_us[rows] = np.where(is_missing, time_us + self._round_trips.nak_interval_us(rows), _NEVER_US)

    def _of(self, rows: I64Array) -> Sides:
        return Sides(self._sides.epoch_us[rows], self._sides.peer_socket_id[rows])

    def _ack_seqnos(self, rows: I64Array) -> I64Array:
        return (self._first_seqno[rows] + self.arrivals.contiguous_index[rows]) & SEQNO_MASK

    def _send(self, rows: I64Array, datagrams: Datagrams) -> None:
        self._port.send(rows, datagrams.data, datagrams.lengths)
        self._sent_us[rows] = now_us()

    def _send_empty(self, rows: I64Array, kind: ControlType) -> None:
        self._send(rows, encode_empty(kind, self._of(rows), now_us=now_us()))

    def close(self) -> None:
        """Say goodbye to the broker."""
        rows = np.flatnonzero(self._is_open)
        if len(rows):
            self._send_empty(rows, ControlType.SHUTDOWN)
        self._is_open[rows] = False
