"""The broker's connections to subscribers: rows of a table, served in bulk.

Source: ``docs/internals/srt.md``, "what a sender owes a receiver".
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array, U32Array
from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.catch_ups import CatchUps
from headrace.endpoints.event_log import EventLog
from headrace.endpoints.forwarder import Forwarder
from headrace.endpoints.line_window import WINDOW_US
from headrace.endpoints.loss_reports import LossReports
from headrace.endpoints.lost_causes import LostCauses
from headrace.endpoints.outlet import Outlet
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.patience import Patience
from headrace.endpoints.resender import Resender
from headrace.endpoints.shared_keys import SharedKeys
from headrace.endpoints.subscriber_keys import SubscriberKeys
from headrace.endpoints.subscriber_log import Departure, SubscriberLog
from headrace.endpoints.subscriber_moves import SubscriberMoves
from headrace.endpoints.tail_probes import TailProbes
from headrace.fanout.acknowledgements import decode_acks, settle_acks
from headrace.fanout.headers import control_packets
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.hub import Hub
from headrace.netio.outbox import DatagramQueue, Outbox
from headrace.srt.connection import KEEPALIVE_US, ConnectionParameters
from headrace.srt.key_exchange import DEFAULT_KEY_REFRESH, KMRSP, KeyRefresh
from headrace.srt.listener import ConnectionRequest
from headrace.srt.packet import ControlType
from headrace.srt.session_keys import SessionKeys

SWEEP_INTERVAL_US: Final = 50_000
"""How often the whole table is looked over for keepalives, dead peers and lost tails."""
SWEEP_SLACK_US: Final = 20_000
"""With what comes then, a frame mostly, or else so much later: a sweep alone costs twice as much."""
MAX_DROPS_PER_SWEEP: Final = 64
"""Forgetting so many takes one to two milliseconds; a thousand that vanish at once are gone within a second."""
SWEEPS_TO_END_ALL: Final = 40
"""Whoever has lost its right is gone after so many sweeps, two seconds, however many they are."""


class SubscriberLinks:
    """All subscribers of one endpoint.

    Args:
        hub: Whose channels they get.
        table: Where they are rows.
        outbox: Where packets leave.
        queue: Where answers leave.
        ignored: Counts what is dropped, by reason.
        events: Is told who goes.
        random_bytes: Source of the keys that follow those of the handshakes.
        key_refresh: When another key is taken.

    Attributes:
        ended: Our socket ids of connections that have ended; whoever takes them clears it.
        patience: How long what subscribers send may wait, but for those that catch up.
    """

    def __init__(
        self,
        hub: Hub,
        table: SubscriberTable,
        outbox: Outbox,
        queue: DatagramQueue,
        ignored: Counter[str],
        *,
        events: EventLog,
        random_bytes: Callable[[int], bytes],
        key_refresh: KeyRefresh = DEFAULT_KEY_REFRESH,
    ) -> None:
        self._hub = hub
        self._table = table
        self._outlet = Outlet(table, outbox)
        self._keys = SubscriberKeys(table, self._outlet.keys, queue, ignored, random_bytes)
        self._shared_keys = SharedKeys(table, self._outlet.shared, queue, random_bytes, key_refresh)
        self._queue = queue
        self._ignored = ignored
        self._channels: dict[int, Channel] = {}
        self._log = SubscriberLog(events)
        self._moves = SubscriberMoves(table, self._channels, self._log)
        resender = Resender(table, self._outlet, queue)
        self._loss_reports = LossReports(table, self._channels, resender, ignored)
        self._lost_causes = LostCauses(table)
        self._tails = TailProbes(table, resender)
        self._catch_ups = CatchUps(table)
        self._forwarder = Forwarder(table, self._outlet, self._catch_ups, self._tails, self._loss_reports.budget)
        self._sweep_us: int | None = None
        self._to_end: dict[int, str] = {}
        self.ended: list[int] = []
        self.patience = Patience()

    @property
    def shared_seals(self) -> Mapping[Channel, SharedSeal]:
        """What is sealed once for several subscribers, by channel."""
        return self._outlet.shared

    def shared_seqno(
        self,
        channel: Channel,
        passphrase: str | None,
        keys: SessionKeys | None,
        request: ConnectionRequest,
        now_us: int,
    ) -> int | None:
        """Return with which sequence number to answer a caller that is to share a key; see `SharedKeys`."""
        version = request.capabilities.srt_version
        if keys is None or passphrase is None or not self._shared_keys.may_share(version, request.address, now_us):
            return None
        return self._shared_keys.first_seqno(channel, passphrase, keys, channel.ring.start_index(now_us))

    def add(
        self,
        parameters: ConnectionParameters,
        address: bytes,
        channel: Channel,
        now_us: int,
        *,
        shares: bool = False,
    ) -> None:
        """Let a new connection have the channel from its newest keyframe on, or else from its next packet.

        One that ``shares`` was answered with what `shared_seqno` said.
        """
        start_index = channel.start(now_us)
        backlog_packets = channel.ring.next_index - start_index
        row = self._table.add(parameters, address, start_index)
        channel.succession.allow_latency(parameters.send_latency_us)
        self._channels[row] = channel
        self._keys.add(row, parameters)
        if shares:
            channel.ring.lend(start_index, now_us)
            channel.subscribers.add_behind(row)
            self._shared_keys.ask(row, channel, now_us)
        else:
            self._begin(row, channel, now_us)
        self.patience.include(parameters.send_latency_us)
        if self._sweep_us is None:
            self._sweep_us = now_us + SWEEP_INTERVAL_US
        self._log.note_connected(channel.channel_id, address, backlog_packets, now_us)

    def _begin(self, row: int, channel: Channel, now_us: int) -> None:
        """Let a subscriber have the packets from the one on that the table says."""
        if self._table.rows["next_index"][row] < channel.ring.next_index:
            self._catch_ups.add(row, channel, now_us)
        else:
            channel.subscribers.add(row)

    def forward(self, fresh: Iterable[tuple[Channel, list[int]]], now_us: int) -> None:
        """Send what is new in channels' rings to all who are to get it; see `Forwarder.forward`."""
        self._forwarder.forward(fresh, now_us)

    def handle_packets(self, packets: PacketColumns, now_us: int) -> None:
        """Take the packets of a batch whose destination is a subscriber's socket id."""
        rows = self._find(packets, now_us)
        kinds = packets.control_type
        is_ack = kinds == ControlType.ACK
        if np.count_nonzero(is_ack) == len(rows) and np.minimum.reduce(rows, initial=0) >= 0:
            self._handle_acks(packets.words, packets.lengths, rows, now_us)
            return
        known = rows >= 0
        acks = np.flatnonzero(known & is_ack)
        self._handle_acks(packets.words[acks], packets.lengths[acks], rows[acks], now_us)
        is_nak = kinds == ControlType.NAK
        reports = np.flatnonzero(known & is_nak)
        if len(reports):
            self.patience.note_urgent(now_us)
        self._loss_reports.handle_reports(packets, reports, rows[reports], now_us)
        rare = known & ~is_ack & ~is_nak & (kinds != ControlType.KEEPALIVE)
        for position in np.flatnonzero(rare).tolist():
            self._handle_rare(packets, position, int(rows[position]), now_us)

    def _find(self, packets: PacketColumns, now_us: int) -> Rows:
        rows = self._table.find(packets.dst_socket_id, packets.addresses)
        if np.minimum.reduce(rows, initial=0) >= 0:
            self._table.rows["heard_us"][rows] = now_us
            return rows
        if self._moves.follow(packets, np.flatnonzero(rows < 0), now_us):
            rows = self._table.find(packets.dst_socket_id, packets.addresses)
        known = rows >= 0
        self._ignored["unknown_connection"] += int(len(rows) - known.sum())
        self._table.rows["heard_us"][rows[known]] = now_us
        return rows

    def _handle_acks(self, words: U32Array, lengths: I64Array, rows: Rows, now_us: int) -> None:
        if not len(rows):
            return
        acks = decode_acks(words, lengths)
        if np.count_nonzero(acks.is_valid) < len(rows):
            self._ignored["malformed_ack"] += int(len(rows) - acks.is_valid.sum())
            rows, acks = rows[acks.is_valid], acks.select(acks.is_valid)
        due = settle_acks(self._table, rows, acks, now_us)
        self._send_headers(ControlType.ACKACK, due.rows, due.ack_number, now_us)

    def _send_headers(self, kind: ControlType, rows: Rows, info: U32Array | int, now_us: int) -> None:
        if not len(rows):
            return
        entries = self._table.rows
        headers = control_packets(
            kind,
            info=info,
            now_us=now_us,
            epoch_us=entries["epoch_us"][rows],
            peer_socket_id=entries["peer_socket_id"][rows],
        )
        self._queue.put_rows(headers, entries["address"][rows])

    def _handle_rare(self, packets: PacketColumns, position: int, row: int, now_us: int) -> None:
        if self._table.rows["socket_id"][row] != packets.dst_socket_id[position]:
            return  # an earlier packet of this batch ended the connection
        match int(packets.control_type[position]):
            case ControlType.SHUTDOWN | ControlType.PEER_ERROR as kind:
                self.remove(row, "peer_shutdown" if kind == ControlType.SHUTDOWN else "peer_error", now_us)
            case ControlType.USER_DEFINED:
                self._handle_answer(row, packets.header(position).control_subtype, packets.body(position), now_us)
            case ControlType.HANDSHAKE | ControlType.CONGESTION_WARNING:
                pass
            case kind if kind > ControlType.USER_DEFINED:
                self._ignored["data_from_subscriber"] += 1
            case _:
                self._ignored["unexpected_control_type"] += 1

    def _handle_answer(self, row: int, subtype: int, body: bytes, now_us: int) -> None:
        if subtype != KMRSP or not self._shared_keys.handle_answer(row, body):
            self._keys.handle_answer(row, subtype, body)
            return
        if self._shared_keys.is_shared(row):
            self._keys.forget(row)
        if row in self._shared_keys.held:
            self._shared_keys.held.discard(row)
            self._begin(row, self._channels[row], now_us)

    def handle_timer(self, now_us: int) -> None:
        """Send what is due of the backlog, and look the table over if that is due."""
        for row in self._shared_keys.handle_timer(now_us):
            self.end(int(self._table.rows["socket_id"][row]), "key_unanswered")
        self._forwarder.send_pieces(now_us)
        self.sweep_if_due(now_us)

    def sweep_if_due(self, now_us: int) -> None:
        """Look the table over if it is time: called after each batch, this spares the timer most of its turns."""
        if self._sweep_us is not None and now_us >= self._sweep_us:
            self._sweep(now_us)

    def wait_us(self, now_us: int) -> int | None:
        """Return how long what subscribers send may wait from now on; None while there are none."""
        return self.patience.wait_us(now_us, is_catching_up=len(self._catch_ups) > 0)

    def _sweep(self, now_us: int) -> None:
        self._loss_reports.handle_sweep()
        self._keys.handle_sweep(now_us)
        for row in self._shared_keys.handle_sweep(now_us):
            self.end(int(self._table.rows["socket_id"][row]), "key_unanswered")
        self._log.handle_sweep(now_us)
        self._drop_lost_causes(now_us)
        self._drop_unwanted(now_us)
        entries = self._table.rows
        self._tails.handle_sweep(now_us)
        used = self._table.used()
        silent = used[now_us - entries["sent_us"][used] >= KEEPALIVE_US]
        self._send_headers(ControlType.KEEPALIVE, silent, 0, now_us)
        entries["sent_us"][silent] = now_us
        self.patience.latency_us = int(entries["latency_us"][used].min()) if len(used) else None
        is_wanted = self._table.count or self._log.has_more_to_tell
        self._sweep_us = now_us + SWEEP_INTERVAL_US if is_wanted else None

    def _drop_lost_causes(self, now_us: int) -> None:
        room = MAX_DROPS_PER_SWEEP
        for reason, rows in self._lost_causes.find(now_us).items():
            dropped = rows[:room]
            room -= len(dropped)
            self._send_headers(ControlType.SHUTDOWN, dropped, 0, now_us)
            for row in dropped.tolist():
                self.remove(row, reason, now_us, is_dropped=True)

    def end(self, socket_id: int, reason: str) -> None:
        """End a connection, for ``reason``, with one of the next sweeps; one that has ended is passed over."""
        self._to_end[socket_id] = reason

    def _drop_unwanted(self, now_us: int) -> None:
        room = max(MAX_DROPS_PER_SWEEP, len(self._to_end) // SWEEPS_TO_END_ALL)
        for socket_id in list(islice(self._to_end, room)):
            reason, row = self._to_end.pop(socket_id), self._table.row_of(socket_id)
            if row is not None:
                self._send_headers(ControlType.SHUTDOWN, np.array([row]), 0, now_us)
                self.remove(row, reason, now_us, is_dropped=True)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        sweep_us = None if self._sweep_us is None else self._sweep_us + SWEEP_SLACK_US
        parts_us = self._catch_ups.poll_timer(), self._shared_keys.poll_timer(), sweep_us
        return min((part_us for part_us in parts_us if part_us is not None), default=None)

    @property
    def dropped(self) -> Counter[str]:
        """How many the broker has given up, by reason."""
        return self._log.dropped

    def remove(self, row: int, reason: str, now_us: int, *, is_dropped: bool = False) -> None:
        """Forget a subscriber and everything it held; ``is_dropped`` where we gave it up."""
        channel = self._channels.pop(row)
        self._loss_reports.forget(row)
        self._keys.forget(row)
        self._shared_keys.forget(row, channel)
        self._catch_ups.discard(row)
        channel.subscribers.remove(row)
        entry = self._table.rows[row]
        departure = Departure(
            channel.channel_id,
            format_sockaddr(bytes(entry["address"])),
            reason,
            sent_packets=int(entry["sent_packets"]),
            resent_packets=int(entry["resent_packets"]),
        )
        self._log.note_gone(departure, now_us, is_dropped=is_dropped)
        self.ended.append(int(entry["socket_id"]))
        self._table.remove(row)
        if not channel.subscribers:
            self._tails.forget(channel)
        self._hub.release(channel)

    def close(self, now_us: int) -> None:
        """Say goodbye to all."""
        used = self._table.used()
        self._send_headers(ControlType.SHUTDOWN, used, 0, now_us)
        for row in used.tolist():
            self.remove(row, "closed", now_us)
        self._log.handle_sweep(now_us + WINDOW_US)  # by then all its windows are over
