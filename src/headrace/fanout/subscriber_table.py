"""All subscribers of a broker as rows of one table: what each needs, and nothing more.

A row costs `ROW_DTYPE.itemsize` bytes. A subscriber's socket id holds its row number, so that a batch of control
packets finds its rows by one vector operation; random upper bits tell a new connection from the row's last one.

Source: ``docs/internals/srt.md``, "two values per subscriber".
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from headrace.base.datagram_batch import BoolArray, I64Array, U8Array, U32Array
from headrace.base.sockaddr import PORT_BYTES, SOCKADDR_BYTES
from headrace.srt.connection import ConnectionParameters
from headrace.srt.rtt import INITIAL_RTT_US, INITIAL_RTT_VARIANCE_US

ROW_BITS: Final = 20
MAX_SUBSCRIBERS: Final = 1 << ROW_BITS
FIRST_RESENDS_PACKETS: Final = 256
"""May be sent again before anything was earned."""
NEVER_US: Final = -(1 << 62)
NONCE_BITS: Final = 10
"""Bit 30 of a socket id stays clear: the endpoint's other connections have it set."""
FREE: Final = 0

Rows: TypeAlias = NDArray[np.intp]

ROW_DTYPE: Final = np.dtype(
    [
        ("socket_id", np.uint32),  # ours; 0 in a free row
        ("peer_socket_id", np.uint32),
        ("address", np.uint8, (SOCKADDR_BYTES,)),
        ("rtt_us", np.uint32),
        ("rtt_variance_us", np.uint32),
        ("available_packets", np.uint32),  # free places in the peer's buffer
        ("seqno_offset", np.int64),  # wire seqno = channel index + offset, modulo 2**31
        ("epoch_us", np.int64),  # wire timestamp = channel time - epoch
        ("earliest_us", np.int64),  # older packets are stamped as if they were of this time; not before epoch
        ("start_index", np.int64),  # first channel packet that it gets
        ("next_index", np.int64),  # one past the newest packet sent
        ("acked_index", np.int64),  # first packet not acknowledged
        ("latency_us", np.int64),  # the peer's delivery delay
        ("connected_us", np.int64),
        ("heard_us", np.int64),
        ("sent_us", np.int64),
        ("next_ackack_us", np.int64),
        ("acks_packets", np.int64),
        ("naks_packets", np.int64),
        ("reported_words", np.int64),  # of loss reports, since the last sweep
        ("sent_packets", np.int64),  # without those sent again
        ("sent_payload_bytes", np.int64),  # of these
        ("resent_packets", np.int64),
        ("resend_credit_packets", np.float64),  # what it may still be sent again
        ("fair_credit_packets", np.float64),  # and without sharing
        ("credited_packets", np.int64),  # of sent_packets, those that it has been credited for
        ("credited_us", np.int64),
        ("starving_us", np.int64),  # since when it has been refused resends again and again
        ("refused_us", np.int64),  # when it last was
        ("seen_acked_index", np.int64),  # acked_index and sent_packets when they were last looked at
        ("seen_packets", np.int64),
        ("looks_in_vain", np.int64),  # looks in a row at which it had been sent more and acknowledged nothing
        ("sealing", np.uint8),  # a `headrace.fanout.own_keys.Sealing`
        ("key_flags", np.int64),  # KK bits of what is sealed with a key of its own
        ("key_counted_packets", np.int64),  # of sent_packets, those that the age of its key counts
        ("key_look_packets", np.int64),  # after so many more it is looked at again
    ]
)


class SubscriberColumns(NamedTuple):
    """What the header kernel needs of ``n`` subscribers, gathered.

    Attributes:
        rows: Rows of the table; shape ``(n,)``.
        address: Peers' socket addresses; shape ``(n, 28)``, C-contiguous.
        peer_socket_id: Shape ``(n,)``, uint32.
        seqno_offset: Shape ``(n,)``, int64, added modulo 2**31.
        epoch_us: Shape ``(n,)``, int64, subtracted.
        earliest_us: Shape ``(n,)``, int64: older packets are stamped as if they were of this time.
        start_index: Shape ``(n,)``, int64: older packets are not for this subscriber.
    """

    rows: Rows
    address: U8Array
    peer_socket_id: U32Array
    seqno_offset: I64Array
    epoch_us: I64Array
    earliest_us: I64Array
    start_index: I64Array

    def select(self, keep: BoolArray | Rows | slice) -> "SubscriberColumns":
        """Return the subscribers where ``keep`` is True, or those at the places that it names; shape ``(n,)``."""
        return SubscriberColumns(
            self.rows[keep],
            self.address[keep],
            self.peer_socket_id[keep],
            self.seqno_offset[keep],
            self.epoch_us[keep],
            self.earliest_us[keep],
            self.start_index[keep],
        )


class SubscriberTable:
    """Rows of subscribers, found by socket id.

    Attributes:
        rows: The table; shape ``(capacity,)``, dtype `ROW_DTYPE`. Reallocated when it grows: keep no view of it.
        count: Rows in use.
    """

    __slots__ = ("_free", "count", "rows")

    def __init__(self, capacity: int = 64) -> None:
        self.rows = np.zeros(capacity, ROW_DTYPE)
        self.count = 0
        self._free = list(range(capacity - 1, -1, -1))

    def reserve(self, nonce: int) -> int | None:
        """Return the socket id of a free row, or None when all 2**20 are taken or there is no memory for more.

        Args:
            nonce: Random bits; the lower 10 are used.
        """
        if not self._free and not self._grow():
            return None
        upper = nonce % ((1 << NONCE_BITS) - 1) + 1
        return (upper << ROW_BITS) | self._free[-1]

    def _grow(self) -> bool:
        capacity = len(self.rows)
        if capacity >= MAX_SUBSCRIBERS:
            return False
        try:
            free = list(range(2 * capacity - 1, capacity - 1, -1))
            self.rows = np.concatenate([self.rows, np.zeros(capacity, ROW_DTYPE)])
        except MemoryError:
            return False
        self._free = free
        return True

    def add(self, parameters: ConnectionParameters, address: bytes, next_index: int) -> int:
        """Fill the row that `reserve` gave to ``parameters.socket_id``; return the row.

        Args:
            parameters: What the handshake agreed on.
            address: The peer's, 28 bytes.
            next_index: Channel index of the first packet that it will get.
        """
        row = self._free.pop()
        if row != parameters.socket_id & (MAX_SUBSCRIBERS - 1):
            raise AssertionError("add() follows the reserve() that made its socket id")
        entry = self.rows[row : row + 1]
        entry[:] = np.zeros(1, ROW_DTYPE)
        entry["socket_id"], entry["peer_socket_id"] = parameters.socket_id, parameters.peer_socket_id
        entry["address"] = np.frombuffer(address, np.uint8)
        entry["rtt_us"], entry["rtt_variance_us"] = INITIAL_RTT_US, INITIAL_RTT_VARIANCE_US
        entry["available_packets"] = parameters.peer_window_packets
        entry["epoch_us"] = entry["earliest_us"] = parameters.epoch_us
        entry["latency_us"] = parameters.send_latency_us
        entry["connected_us"] = entry["heard_us"] = entry["sent_us"] = parameters.established_us
        entry["seqno_offset"] = parameters.send_seqno - next_index
        entry["start_index"] = entry["next_index"] = entry["acked_index"] = next_index
        entry["seen_acked_index"] = next_index
        entry["resend_credit_packets"] = entry["fair_credit_packets"] = FIRST_RESENDS_PACKETS
        entry["credited_us"], entry["refused_us"] = parameters.established_us, NEVER_US
        self.count += 1
        return row

    def remove(self, row: int) -> None:
        """Free a row."""
        self.rows["socket_id"][row] = FREE
        self._free.append(row)
        self.count -= 1

    def used(self) -> Rows:
        """Return the rows in use; shape ``(count,)``."""
        return np.flatnonzero(self.rows["socket_id"])

    def row_of(self, socket_id: int) -> int | None:
        """Return the row of a connection with our ``socket_id``, or None when there is none."""
        row = socket_id & (MAX_SUBSCRIBERS - 1)
        is_known = row < len(self.rows) and int(self.rows["socket_id"][row]) == socket_id
        return row if is_known and socket_id != FREE else None

    def find(self, socket_ids: U32Array, addresses: U8Array) -> Rows:
        """Return the row of each socket id, -1 where there is none or the address is another's.

        Args:
            socket_ids: Destination socket ids from the wire; shape ``(n,)``.
            addresses: Where each came from; shape ``(n, 28)``.
        """
        rows, same = self._rows_of(socket_ids)
        known = self.rows["address"][rows]
        # Nearly always all are the same, which is the quickest to see.
        if known.tobytes() != addresses.tobytes():
            same &= (known == addresses).all(axis=1)
        return rows if np.count_nonzero(same) == len(same) else np.where(same, rows, -1)

    def find_on_host(self, socket_ids: U32Array, addresses: U8Array) -> Rows:
        """Return what `find` does, but for the port of the address, which may be any."""
        rows, same = self._rows_of(socket_ids)
        is_equal = self.rows["address"][rows] == addresses
        is_equal[:, PORT_BYTES] = True
        return np.where(same & is_equal.all(axis=1), rows, -1)

    def _rows_of(self, socket_ids: U32Array) -> tuple[Rows, BoolArray]:
        """Return which row each socket id names, and whether it is that row's; both of shape ``(n,)``."""
        rows = (socket_ids & (MAX_SUBSCRIBERS - 1)).astype(np.intp)
        if np.maximum.reduce(rows, initial=0) >= len(self.rows):
            rows[rows >= len(self.rows)] = 0
        return rows, (self.rows["socket_id"][rows] == socket_ids) & (socket_ids != FREE)

    def gather(self, rows: Rows) -> SubscriberColumns:
        """Return what the header kernel needs of ``rows``."""
        names = ("address", "peer_socket_id", "seqno_offset", "epoch_us", "earliest_us", "start_index")
        return SubscriberColumns(rows, *(self.rows[name][rows] for name in names))
