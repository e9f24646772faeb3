"""Where data packets leave for subscribers: in clear, or sealed for those who have keys.

The ring holds clear payloads. What one subscriber alone has a key for is sealed as it leaves, a few hundred
packets at a time, so that they are still in the core's cache when the kernel copies them.

Source: ``docs/decisions/0017-encryption.md``.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.fanout.burst import Burst, make_resends
from headrace.fanout.joint_burst import JointBurst, Part, make_joint_burst
from headrace.fanout.own_keys import OwnKeys, Sealing
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import Outbox

SEALED_AT_ONCE_PACKETS: Final = 512
"""700 kB of them: more fall out of a core's second cache before they are sent."""


class Outlet:
    """Sends packets of channels' rings to rows of the table.

    Args:
        table: Where the subscribers are rows.
        outbox: Where packets leave.

    Attributes:
        keys: Of subscribers with keys of their own.
        shared: What is sealed for several subscribers at once, of each channel that has such.
    """

    __slots__ = ("_outbox", "_table", "keys", "shared")

    def __init__(self, table: SubscriberTable, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox
        self.keys = OwnKeys(table)
        self.shared: dict[Channel, SharedSeal] = {}

    @property
    def seals(self) -> bool:
        """Whether any subscriber has a key."""
        return bool(self.keys or self.shared)

    def send_burst(self, channel: Channel, burst: Burst) -> int:
        """Send a burst of the channel's packets; return how many datagrams the socket took."""
        if not self.seals:
            return self._send_clear(channel, burst)
        accepted = 0
        for sealing, part in self._parts(burst):
            match sealing:
                case Sealing.OWN:
                    taken = self._send_sealed(channel, part)
                case Sealing.SHARED:
                    taken = self._send_shared(channel, part)
                case _:
                    taken = self._send_clear(channel, part)
            accepted += taken
            if taken < len(part.columns.rows) * len(part.slots):
                break
        return accepted

    def _parts(self, burst: Burst) -> Iterator[tuple[int, Burst]]:
        """Yield the subscribers by how they are sealed, beginning with the first one's way: it is its turn."""
        sealing = self._table.rows["sealing"][burst.columns.rows].tobytes()
        # So many equal bytes are seen to be equal in less than a microsecond.
        if sealing == sealing[:1] * len(sealing):
            yield from ((kind, burst) for kind in sealing[:1])
            return
        kinds = np.frombuffer(sealing, np.uint8)
        for kind in dict.fromkeys(sealing):
            yield kind, burst.select(kinds == kind)

    def _send_clear(self, channel: Channel, burst: Burst) -> int:
        return self._outbox.send_burst(
            burst.columns.address, burst.headers, channel.ring.store, burst.slots, burst.lengths
        )

    def _send_sealed(self, channel: Channel, burst: Burst) -> int:
        accepted = 0
        packets = len(burst.slots)
        peers = max(1, SEALED_AT_ONCE_PACKETS // max(1, packets))
        for begin in range(0, len(burst.columns.rows), peers):
            some = burst.select(slice(begin, begin + peers))
            rows = some.columns.rows
            sealed = self.keys.seal_burst(channel.ring.store, some.headers, rows, some.slots, some.lengths)
            taken = self._outbox.send_burst(
                some.columns.address, some.headers, sealed.store, sealed.slots, some.lengths
            )
            accepted += taken
            if taken < len(rows) * packets:
                break
        return accepted

    def _send_shared(self, channel: Channel, burst: Burst) -> int:
        sealed = self.shared[channel].seal(burst.headers, burst.slots)
        return self._outbox.send_burst(
            burst.columns.address, burst.headers, sealed.store, sealed.slots, burst.lengths
        )

    def send_joint(self, parts: Sequence[Part], channels: Sequence[Channel]) -> tuple[JointBurst, int]:
        """Send all of ``parts``, of a channel each; return the burst and how many datagrams the socket took."""
        burst = make_joint_burst(parts)
        if self.seals:
            peers = [len(part.columns.rows) for part in parts]
            of_runs = np.repeat(np.arange(len(parts)), peers).tolist()
            self._seal_runs(burst, [channels[part] for part in of_runs])
        return burst, self._outbox.send_runs(burst.runs)

    def _seal_runs(self, burst: JointBurst, channels: Sequence[Channel]) -> None:
        """Put sealed payloads in place of clear ones, and the KK bits into the headers."""
        _, packets, stores, headers, slots, lengths = burst.runs
        sealing = self._table.rows["sealing"][burst.rows]
        ends = np.cumsum(packets)
        begins = ends - packets
        for run in np.flatnonzero(sealing == Sealing.SHARED).tolist():
            which = slice(begins[run], ends[run])
            stores[run], slots[which] = self.shared[channels[run]].seal(headers[which], slots[which])
        own = np.flatnonzero(sealing == Sealing.OWN)
        if len(own):
            places = np.concatenate([np.arange(begins[run], ends[run]) for run in own.tolist()])
            payloads = np.concatenate([stores[run][slots[begins[run] : ends[run]]] for run in own.tolist()])
            own_headers = headers[places]
            rows = np.repeat(burst.rows[own], packets[own])
            sealed = self.keys.seal_each(payloads, own_headers, rows, lengths[places])
            headers[places], slots[places] = own_headers, sealed.slots
            for run in own.tolist():
                stores[run] = sealed.store

    def send_resends(self, channel: Channel, indices: I64Array, rows: Rows) -> None:
        """Send held packet ``indices[i]`` of the channel again to subscriber ``rows[i]``; shapes ``(n,)``.

        What has a key of its own is sealed anew. With the same key that gives the same bytes; after a new one has
        come into use the packet is sealed with that, which its receiver has answered for.
        """
        if not self.seals:
            self._resend(channel, indices, rows, Sealing.CLEAR)
            return
        sealing = self._table.rows["sealing"][rows]
        for kind in np.unique(sealing).tolist():
            places = np.flatnonzero(sealing == kind)
            places = places[np.argsort(rows[places], kind="stable")]
            for begin in range(0, len(places), SEALED_AT_ONCE_PACKETS):
                some = places[begin : begin + SEALED_AT_ONCE_PACKETS]
                self._resend(channel, indices[some], rows[some], kind)

    def _resend(self, channel: Channel, indices: I64Array, rows: Rows, sealing: int) -> None:
        ring = channel.ring
        columns = self._table.gather(rows)
        headers, slots, lengths = make_resends(ring, indices, columns)
        store = ring.store
        if sealing == Sealing.OWN:
            store, slots = self.keys.seal_each(ring.store[slots], headers, rows, lengths)
        elif sealing == Sealing.SHARED:
            store, slots = self.shared[channel].seal(headers, slots)
        self._outbox.send_each(columns.address, headers, store, slots, lengths)
