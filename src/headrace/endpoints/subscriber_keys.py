"""The keys of encrypted subscribers over time: which one each row's packets are sealed with, and the next one.

The broker sends the data, so it is the one who changes keys: before 2**24 packets it announces the next key in
band, repeats that until it is answered, and then takes it. All that is looked after with the table's sweep.

Source: draft-sharabayko-srt, 6.1.6; ``docs/decisions/0017-encryption.md``.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

import numpy as np

from headrace.base.errors import PacketError
from headrace.fanout.own_keys import OwnKeys
from headrace.fanout.sealing import SealingKey
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.netio.outbox import DatagramQueue
from headrace.srt.connection import ConnectionParameters
from headrace.srt.key_exchange import KMRSP, KeyRefresh, SealingKeys
from headrace.srt.packet import encode_control
from headrace.srt.session_keys import SEED_BYTES, KeySource, SessionKeys

LOOKS_A_LEAD: Final = 16
"""A row's packets are counted so often while the next key is being announced: for a key of 2**24 packets, which is
announced 2**12 before, that is once a second at 2.5 Mbit/s."""


class _Row:
    __slots__ = ("look_packets", "salt", "sealing")

    def __init__(self, keys: SessionKeys, sealing: SealingKeys, refresh: KeyRefresh) -> None:
        self.salt = keys.salt
        self.sealing = sealing
        self.look_packets = max(1, refresh.announce_packets // LOOKS_A_LEAD)


class SubscriberKeys:
    """Keys by row of the table.

    Args:
        table: Where the subscribers are rows.
        keys: Is told which key each row's packets are to be sealed with.
        queue: Where announcements leave.
        ignored: Counts answers that answer nothing, by reason.
        random_bytes: Source of new keys.
    """

    __slots__ = ("_ignored", "_keys", "_queue", "_random_bytes", "_rows", "_source", "_table", "_waiting")

    def __init__(
        self,
        table: SubscriberTable,
        keys: OwnKeys,
        queue: DatagramQueue,
        ignored: Counter[str],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._table = table
        self._keys = keys
        self._queue = queue
        self._ignored = ignored
        self._random_bytes = random_bytes
        self._source: KeySource | None = None
        self._rows: dict[int, _Row] = {}
        self._waiting: set[int] = set()

    def add(self, row: int, parameters: ConnectionParameters) -> None:
        """Seal a new subscriber's packets with the keys that the handshake agreed on, if it did."""
        keys = parameters.keys
        if keys is None:
            return
        if self._source is None:
            self._source = KeySource(self._random_bytes(SEED_BYTES))
        refresh = parameters.key_refresh
        self._rows[row] = _Row(keys, SealingKeys(keys, self._source, refresh), refresh)
        self._table.rows["key_look_packets"][row] = self._rows[row].look_packets
        self._use(row)

    def _use(self, row: int) -> None:
        kept = self._rows[row]
        self._keys.use(row, SealingKey(kept.sealing.key, kept.salt), kept.sealing.parity)

    def forget(self, row: int) -> None:
        """Drop a subscriber's keys, if it has any."""
        if self._rows.pop(row, None) is not None:
            self._keys.forget(row)
            self._waiting.discard(row)

    def handle_answer(self, row: int, subtype: int, body: bytes) -> None:
        """Take a user-defined control packet: the answer to an announcement, or else it is counted."""
        kept = self._rows.get(row)
        if kept is None or subtype != KMRSP:
            self._ignored["unexpected_extension"] += 1
            return
        try:
            kept.sealing.handle_answer(body)
        except PacketError as error:
            self._ignored[error.reason] += 1

    def handle_sweep(self, now_us: int) -> None:
        """Count what was sealed, announce or take keys where it is time, and repeat what was not answered."""
        if not self._rows:
            return
        for row, packets in self._due():
            sealing = self._rows[row].sealing
            parity = sealing.parity
            sealing.note_sealed(packets, now_us, int(self._table.rows["rtt_us"][row]))
            self._waiting.add(row)
            if sealing.parity is not parity:
                self._use(row)
        for row in list(self._waiting):
            self._announce(row, now_us)

    def _due(self) -> list[tuple[int, int]]:
        """Return the rows whose packets are to be counted now, with how many they are."""
        entries = self._table.rows
        rows: Rows = np.fromiter(self._rows, np.intp, len(self._rows))
        packets = entries["sent_packets"][rows] - entries["key_counted_packets"][rows]
        is_due = packets >= entries["key_look_packets"][rows]
        due = rows[is_due]
        entries["key_counted_packets"][due] = entries["sent_packets"][due]
        return list(zip(due.tolist(), packets[is_due].tolist(), strict=True))

    def _announce(self, row: int, now_us: int) -> None:
        sealing = self._rows[row].sealing
        sealing.handle_timer(now_us)
        entry = self._table.rows[row]
        for control in sealing.poll_controls():
            datagram = encode_control(
                control.control_type,
                timestamp_us=now_us - int(entry["epoch_us"]),
                dst_socket_id=int(entry["peer_socket_id"]),
                info=control.info,
                body=control.body,
                subtype=control.subtype,
            )
            self._queue.put(datagram, bytes(entry["address"]))
        if sealing.poll_timer() is None:
            self._waiting.discard(row)
