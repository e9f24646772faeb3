"""Sending many datagrams with one ``sendmmsg``, many to a message where the kernel does ``UDP_SEGMENT``.

Header and payload of a packet are two iovecs, so no payload is copied in user space. The tables that the
kernel reads are numpy arrays that are kept between calls and filled column by column.

Source: sendmmsg(2), udp(7).
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import DatagramBatch, I64Array, U8Array
from headrace.base.datagram_runs import DatagramRuns
from headrace.base.sockaddr import SOCKADDR_BYTES
from headrace.netio import libc
from headrace.netio.batch_table import BatchTable
from headrace.netio.burst_table import PACKET_BYTES, BurstTable
from headrace.netio.counters import SocketCounters
from headrace.netio.errnos import NO_ROOM, SEGMENTS_REFUSED
from headrace.netio.run_table import run_messages

REFUSAL_COST: Final = 3
"""A refused segmented message costs what three that are accepted save: 45 us more than without, where each of
these takes 14 less."""
MAX_REFUSAL_DEBT: Final = 3_000
"""A thousand refusals that nothing has made up for: most paths take no segments. Fewer may be of some viewers who
are served one after another."""
PAUSE_DATAGRAMS: Final = 1_000_000
"""So many leave one by one before segments are tried again: seconds of a crowd. Trying costs a fiftieth."""


class MmsgSender:
    """Sends bursts, lists and batches of datagrams from one socket. For one thread at a time.

    Attributes:
        segmenting: Whether messages carry several segments. It turns False for a while when most paths or devices
            turn out not to take them.
    """

    def __init__(
        self, descriptor: int, counters: SocketCounters, send_messages: libc.MessageCall, *, segmenting: bool
    ) -> None:
        self.segmenting = segmenting
        self._descriptor = descriptor
        self._counters = counters
        self._send_messages = send_messages
        self._refusal_debt = 0
        self._resume_at_datagrams: int | None = None
        self._table: BurstTable | None = None
        self._batch_table: BatchTable | None = None
        self._table_shape: tuple[bool, int, list[int]] = (segmenting, 0, [])
        self._messages: I64Array = np.zeros((0, libc.MESSAGE_WORDS), np.int64)
        self._packets: I64Array = np.zeros((0, 4), np.int64)
        self._rows: I64Array = np.zeros(0, np.int64)
        self._reserve(libc.MAX_MESSAGES_PER_CALL)

    def send_batch(self, batch: DatagramBatch) -> int:
        """Send the first ``count`` rows; return how many datagrams the kernel accepted."""
        count = batch.count
        if self._batch_table is None or self._batch_table.batch is not batch:
            self._batch_table = BatchTable(batch)
        messages = self._batch_table.messages[:count]
        self._batch_table.lengths[:count] = batch.lengths[:count]
        sent_before = self._counters.datagrams_sent
        total = _Total(count, int(np.add.reduce(batch.lengths[:count])))
        self._transmit(messages, iovecs_per_datagram=1, total=total)
        return self._counters.datagrams_sent - sent_before

    def send_each(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        """Send datagram ``i`` made of ``headers[i]`` and slot ``slots[i]`` to ``addresses[i]``.

        See `UdpSocket.send_each`.
        """
        count, header_bytes = headers.shape
        self._reserve(count)
        rows = self._rows[:count]
        self._point_at_headers(headers.ctypes.data, header_bytes, count)
        self._packets[:count, 2] = store.ctypes.data + slots * store.strides[0]
        self._packets[:count, 3] = lengths
        messages = self._messages[:count]
        messages[:, libc.NAME] = addresses.ctypes.data + rows * SOCKADDR_BYTES
        messages[:, libc.IOVECS] = self._packets.ctypes.data + rows * PACKET_BYTES
        messages[:, libc.IOVEC_COUNT : libc.DONE_BYTES] = (2, 0, 0, 0)
        sent_before = self._counters.datagrams_sent
        self._transmit(messages, iovecs_per_datagram=2)
        return self._counters.datagrams_sent - sent_before

    def send_burst(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        """Send the packets in ``slots`` to each of ``addresses``, with a header of its own each.

        See `UdpSocket.send_burst`.
        """
        self._resume_if_due()
        peers, packets, header_bytes = headers.shape
        table = self._burst_table(peers, header_bytes, lengths.tolist())
        names_address, headers_address = addresses.ctypes.data, headers.ctypes.data
        payload_addresses = slots * store.strides[0] + store.ctypes.data
        is_shared = slots.ndim == 1
        sent_before = self._counters.datagrams_sent
        for first in range(0, peers, table.peers):
            count = min(table.peers, peers - first)
            table.point(
                names_address + first * SOCKADDR_BYTES,
                headers_address + first * packets * header_bytes,
                payload_addresses if is_shared else payload_addresses[first : first + count],
            )
            messages = table.messages[: count * table.messages_a_peer]
            total = _Total(count * packets, count * table.bytes_a_peer)
            if not self._transmit(messages, iovecs_per_datagram=2, total=total):
                self._counters.send_would_block_datagrams += (peers - first - count) * packets
                break
        return self._counters.datagrams_sent - sent_before

    def send_runs(self, runs: DatagramRuns) -> int:
        """Send each peer its run of datagrams; see `UdpSocket.send_runs`."""
        self._resume_if_due()
        count, header_bytes = runs.headers.shape
        self._reserve(count)
        self._point_at_headers(runs.headers.ctypes.data, header_bytes, count)
        places = np.array([(store.ctypes.data, store.strides[0]) for store in runs.stores], np.int64)
        begins, strides = np.repeat(places, runs.packets, axis=0).T
        self._packets[:count, 2] = begins + runs.slots * strides
        self._packets[:count, 3] = runs.lengths
        datagram_bytes = (runs.lengths + header_bytes).tolist()
        made = run_messages(runs.packets.tolist(), datagram_bytes, segmenting=self.segmenting)
        messages = self._messages[: len(made.runs)]
        messages[:, libc.NAME] = runs.addresses.ctypes.data + made.runs * SOCKADDR_BYTES
        messages[:, libc.IOVECS] = self._packets.ctypes.data + made.first_packets * PACKET_BYTES
        messages[:, libc.IOVEC_COUNT] = 2 * made.packets
        segmented = made.packets > 1
        control_addresses = made.control.ctypes.data + self._rows[: len(messages)] * libc.UDP_SEGMENT_BYTES
        messages[:, libc.CONTROL] = control_addresses * segmented
        messages[:, libc.CONTROL_BYTES] = libc.UDP_SEGMENT_BYTES * segmented
        messages[:, libc.FLAGS] = 0
        sent_before = self._counters.datagrams_sent
        self._transmit(messages, iovecs_per_datagram=2, total=_Total(count, sum(datagram_bytes)))
        return self._counters.datagrams_sent - sent_before

    def _burst_table(self, peers: int, header_bytes: int, payload_bytes: list[int]) -> BurstTable:
        """Return tables for such a burst: the last one's, if it was of the same shape and to as many peers."""
        shape = self.segmenting, header_bytes, payload_bytes
        if self._table is None or shape != self._table_shape or not self._table.is_enough_for(peers):
            self._table = BurstTable(peers, header_bytes, payload_bytes, segmenting=self.segmenting)
            self._table_shape = shape
        return self._table

    def _transmit(self, messages: I64Array, *, iovecs_per_datagram: int, total: "_Total | None" = None) -> bool:
        """Hand all messages to the kernel; return False if it had no room for some.

        Args:
            messages: Shape ``(n, 8)``.
            iovecs_per_datagram: In all of them.
            total: What they come to if the kernel takes all at once, where that is known.
        """
        address = messages.ctypes.data
        row, count = 0, len(messages)
        while row < count:
            limit = min(count - row, libc.MAX_MESSAGES_PER_CALL)
            done = self._send_messages(self._descriptor, address + row * libc.MESSAGE_BYTES, limit)
            self._counters.system_calls += 1
            if done == count and total is not None:
                self._note_accepted(messages, *total)
                return True
            if done > 0:
                self._count_accepted(messages[row : row + done], iovecs_per_datagram)
                row += done
                continue
            had_room = -done not in NO_ROOM
            if had_room and messages[row, libc.CONTROL] and -done in SEGMENTS_REFUSED:
                had_room = self._send_unsegmented(messages[row])
                row += 1
            elif had_room:
                self._counters.send_error_datagrams += _datagrams(messages[row : row + 1], iovecs_per_datagram)
                row += 1
            if not had_room:
                self._counters.send_would_block_datagrams += _datagrams(messages[row:], iovecs_per_datagram)
                return False
        return True

    def _count_accepted(self, accepted: I64Array, iovecs_per_datagram: int) -> None:
        datagrams = _datagrams(accepted, iovecs_per_datagram)
        self._note_accepted(accepted, datagrams, int(accepted[:, libc.DONE_BYTES].sum()))

    def _note_accepted(self, accepted: I64Array, datagrams: int, sent_bytes: int) -> None:
        self._counters.datagrams_sent += datagrams
        self._counters.bytes_sent += sent_bytes
        if self._refusal_debt:
            segmented = int(np.count_nonzero(accepted[:, libc.CONTROL]))
            self._refusal_debt = max(0, self._refusal_debt - segmented)

    def _send_unsegmented(self, message: I64Array) -> bool:
        """Send the segments of a refused message as datagrams; return False if there was no room for some."""
        count = int(message[libc.IOVEC_COUNT]) // 2
        singles = np.repeat(message[None, :], count, axis=0)
        singles[:, libc.IOVECS] += np.arange(count) * PACKET_BYTES
        singles[:, libc.IOVEC_COUNT : libc.DONE_BYTES] = (2, 0, 0, 0)
        sent_before = self._counters.datagrams_sent
        had_room = self._transmit(singles, iovecs_per_datagram=2)
        # When the kernel refuses the single datagrams too, segmentation was not the reason.
        if self._counters.datagrams_sent > sent_before:
            self._counters.segment_refused_messages += 1
            self._refusal_debt += REFUSAL_COST
            if self._refusal_debt >= MAX_REFUSAL_DEBT:
                self._pause_segmenting()
        return had_room

    def _pause_segmenting(self) -> None:
        self.segmenting = False
        self._refusal_debt = 0
        self._resume_at_datagrams = self._counters.datagrams_sent + PAUSE_DATAGRAMS

    def _resume_if_due(self) -> None:
        due = self._resume_at_datagrams
        if due is not None and self._counters.datagrams_sent >= due:
            self.segmenting = True
            self._resume_at_datagrams = None

    def _point_at_headers(self, headers_address: int, header_bytes: int, packets: int) -> None:
        np.multiply(self._rows[:packets], header_bytes, out=self._packets[:packets, 0])
        self._packets[:packets, 0] += headers_address
        self._packets[:packets, 1] = header_bytes

    def _reserve(self, packets: int) -> None:
        if packets > len(self._rows):
            capacity = 1 << (packets - 1).bit_length()
            self._rows = np.arange(capacity, dtype=np.int64)
            self._packets = np.zeros((capacity, 4), np.int64)
            self._messages = np.zeros((capacity, libc.MESSAGE_WORDS), np.int64)
            # The kernel takes a sockaddr_in6's length for a sockaddr_in as well.
            self._messages[:, libc.NAME_BYTES] = SOCKADDR_BYTES


def _datagrams(messages: I64Array, iovecs_per_datagram: int) -> int:
    return int(messages[:, libc.IOVEC_COUNT].sum()) // iovecs_per_datagram


class _Total(NamedTuple):
    datagrams: int
    sent_bytes: int
