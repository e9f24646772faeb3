"""What sends channels' packets on to their subscribers, as they come and from the backlog.

Source: ``docs/decisions/0003-one-table-and-sendmmsg.md``; ``docs/decisions/0015-media-loop.md`` for the order.
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.endpoints.catch_ups import CatchUps
from headrace.endpoints.outlet import Outlet
from headrace.endpoints.tail_probes import TailProbes
from headrace.fanout.burst import Burst, make_burst, make_bursts
from headrace.fanout.joint_burst import Part
from headrace.fanout.resend_budget import ResendBudget
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel

FEW_DATAGRAMS: Final = 128
"""What a channel has for no more than that leaves together with what others have, with one call."""


class Forwarder:
    """Sends packets that are new, and notes in the table what each subscriber has been sent.

    Args:
        table: Where the subscribers are rows.
        outlet: Where packets leave.
        catch_ups: Who is behind.
        tails: Is told when a channel goes on.
        budget: Earned by what is sent.
    """

    __slots__ = ("_budget", "_catch_ups", "_outlet", "_table", "_tails")

    def __init__(
        self,
        table: SubscriberTable,
        outlet: Outlet,
        catch_ups: CatchUps,
        tails: TailProbes,
        budget: ResendBudget,
    ) -> None:
        self._table = table
        self._outlet = outlet
        self._catch_ups = catch_ups
        self._tails = tails
        self._budget = budget

    def forward(self, fresh: Iterable[tuple[Channel, list[int]]], now_us: int) -> None:
        """Send packets that are new in their channels' rings to all who are to get them.

        Args:
            fresh: Channels, none twice, with the indices of their new packets.
            now_us: The time.
        """
        parts: list[Part] = []
        of_few: list[Channel] = []
        of_many: list[tuple[int, Channel, I64Array]] = []
        for channel, indices in fresh:
            channel.forwarded_us = now_us
            if not channel.subscribers:
                continue
            wanted = self._note_forwarded(channel, indices, now_us)
            group = channel.subscribers
            datagrams = len(wanted) * len(group.columns.rows)
            if 0 < datagrams <= FEW_DATAGRAMS and wanted[0] >= group.newest_start_index:
                parts.append(Part(channel.ring, wanted, group.columns))
                of_few.append(channel)
            else:
                of_many.append((datagrams, channel, wanted))
        # The smallest first: what is sent in a tenth of a millisecond does not wait for what takes four.
        if parts:
            self._send_joint(parts, of_few, now_us)
        for channel, part in zip(of_few, parts, strict=True):
            self._note_sent(channel, part.indices, now_us)
        for _, channel, wanted in sorted(of_many, key=itemgetter(0)):
            for burst in make_bursts(channel.ring, wanted, channel.subscribers):
                self._send_burst(channel, burst, now_us)
            self._note_sent(channel, wanted, now_us)

    def send_pieces(self, now_us: int) -> None:
        """Send those who catch up what is due of their backlogs."""
        for channel, burst, is_last in self._catch_ups.pop_pieces(now_us):
            if burst is not None:
                self._send_burst(channel, burst, now_us)
            if is_last:
                # The channel may be silent, and its end have been lost.
                channel.forwarded_us = now_us
                self._tails.restart(channel)

    def _note_forwarded(self, channel: Channel, indices: list[int], now_us: int) -> I64Array:
        """Note what leaves now; return what of it is held, in order."""
        self._tails.restart(channel)
        if channel.succession.poll_backlog():
            self._catch_ups.add_all(channel, now_us)
        wanted = channel.ring.held(np.sort(np.array(indices, np.int64)))
        if len(wanted) and wanted[0] < channel.forwarded_index:
            late = wanted[wanted < channel.forwarded_index]
            channel.ring.late_us[channel.ring.slots(late)] = now_us
        channel.forwarded_index = channel.ring.next_index
        return wanted

    def _note_sent(self, channel: Channel, wanted: I64Array, now_us: int) -> None:
        self._forward_passed(channel, wanted, now_us)
        self._table.rows["next_index"][channel.subscribers.columns.rows] = channel.ring.next_index

    def _send_joint(self, parts: list[Part], channels: list[Channel], now_us: int) -> None:
        """Send what is for few subscribers of each of several channels, with one call."""
        if len(parts) == 1:
            ring, indices, columns = parts[0]
            self._send_burst(channels[0], make_burst(ring, indices, columns), now_us)
            return
        burst, accepted = self._outlet.send_joint(parts, channels)
        for channel, part in zip(channels, parts, strict=True):
            wanted = len(part.indices) * len(part.columns.rows)
            if accepted < wanted:
                channel.subscribers.rotate(max(0, accepted) // len(part.indices))
            accepted -= wanted
        entries = self._table.rows
        entries["sent_packets"][burst.rows] += burst.runs.packets
        entries["sent_payload_bytes"][burst.rows] += burst.payload_bytes
        self._budget.note_sent(len(burst.runs.slots))
        entries["sent_us"][burst.rows] = now_us

    def _forward_passed(self, channel: Channel, wanted: I64Array, now_us: int) -> None:
        """Send what came late to those who catch up and have passed its place: no later piece has it."""
        rows = channel.subscribers.behind_rows
        if not len(rows):
            return
        start_index, next_index = (self._table.rows[name][rows] for name in ("start_index", "next_index"))
        for index in wanted[wanted < next_index.max()]:
            passed = rows[(start_index <= index) & (index < next_index)]
            if len(passed):
                burst = make_burst(channel.ring, np.array([index]), self._table.gather(passed))
                self._send_burst(channel, burst, now_us)

    def _send_burst(self, channel: Channel, burst: Burst, now_us: int) -> None:
        rows = burst.columns.rows
        accepted = self._outlet.send_burst(channel, burst)
        if accepted < len(rows) * len(burst.slots):
            channel.subscribers.rotate(accepted // len(burst.slots))
        entries = self._table.rows
        entries["sent_packets"][rows] += len(burst.slots)
        entries["sent_payload_bytes"][rows] += np.add.reduce(burst.lengths)
        self._budget.note_sent(len(rows) * len(burst.slots))
        entries["sent_us"][rows] = now_us
