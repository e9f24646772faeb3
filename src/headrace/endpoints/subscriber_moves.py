"""Subscribers whose port changes in mid-stream are followed, as a NAT that forgets gives them another one.

Source: ``docs/decisions/0013-nat-rebinding.md``.
"""

from collections.abc import Mapping

import numpy as np

from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.subscriber_log import SubscriberLog
from headrace.fanout.rebinding import MAX_REBIND_CHECKS_PER_BATCH, may_rebind
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.hub.channel import Channel


class SubscriberMoves:
    """Looks at the packets that are nobody's, and follows those whose they are.

    Args:
        table: Where the subscribers are rows.
        channels: By row.
        log: Is told who has moved.
    """

    __slots__ = ("_channels", "_log", "_table")

    def __init__(self, table: SubscriberTable, channels: Mapping[int, Channel], log: SubscriberLog) -> None:
        self._table = table
        self._log = log
        self._channels = channels

    def follow(self, packets: PacketColumns, positions: Rows, now_us: int) -> bool:
        """Follow those subscribers whose port has changed; return whether there are any.

        Args:
            packets: A batch.
            positions: Where in it the packets are that are nobody's; shape ``(n,)``.
            now_us: The time.
        """
        rows = self._table.find_on_host(packets.dst_socket_id[positions], packets.addresses[positions])
        has_moved = False
        for place in np.flatnonzero(rows >= 0)[:MAX_REBIND_CHECKS_PER_BATCH].tolist():
            position, row = int(positions[place]), int(rows[place])
            kind = int(packets.control_type[position])
            if may_rebind(self._table, row, kind, packets.body(position), now_us):
                self._move(row, packets.address(position), now_us)
                has_moved = True
        return has_moved

    def _move(self, row: int, address: bytes, now_us: int) -> None:
        entry = self._table.rows[row]
        channel = self._channels[row]
        self._log.note_moved(channel.channel_id, address, bytes(entry["address"]), now_us)
        entry["address"] = np.frombuffer(address, np.uint8)
        entry["heard_us"] = now_us
        channel.subscribers.refresh()
