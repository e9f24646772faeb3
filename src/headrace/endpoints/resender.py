"""What answers loss reports: packets sent again, and word of those that will never come.

Source: draft-sharabayko-srt, 3.2.9 (drop request) and 4.8.2 (retransmission).
"""

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.base.seqno import SEQNO_MASK
from headrace.endpoints.outlet import Outlet
from headrace.fanout.headers import control_packets
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue
from headrace.srt.packet import ControlType


class Resender:
    """Sends each subscriber packets of its own, all with one call.

    Args:
        table: Where the subscribers are rows.
        outlet: Where packets leave.
        queue: Where answers leave.
    """

    __slots__ = ("_outlet", "_queue", "_table")

    def __init__(self, table: SubscriberTable, outlet: Outlet, queue: DatagramQueue) -> None:
        self._table = table
        self._outlet = outlet
        self._queue = queue

    def send(self, channel: Channel, indices: I64Array, rows: Rows, now_us: int) -> None:
        """Send held packet ``indices[i]`` of the channel again to subscriber ``rows[i]``; shapes ``(n,)``."""
        if not len(rows):
            return
        self._outlet.send_resends(channel, indices, rows)
        np.add.at(self._table.rows["resent_packets"], rows, 1)
        self._table.rows["sent_us"][rows] = now_us

    def refuse(self, first: I64Array, last: I64Array, rows: Rows, now_us: int) -> None:
        """Tell subscriber ``rows[i]`` to ask no more for packets ``first[i]`` to ``last[i]``; shapes ``(n,)``."""
        if not len(rows):
            return
        entries = self._table.rows[rows]
        body = np.stack([first, last], axis=1) + entries["seqno_offset"][:, None]
        packets = control_packets(
            ControlType.DROP_REQUEST,
            info=0,
            now_us=now_us,
            epoch_us=entries["epoch_us"],
            peer_socket_id=entries["peer_socket_id"],
            body=body & SEQNO_MASK,
        )
        self._queue.put_rows(packets, entries["address"])
