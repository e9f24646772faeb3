"""Packets of a channel made ready for all its subscribers: what one call of the socket sends.

Source: ``docs/internals/architecture.md``, "one system call for many".
"""

from typing import NamedTuple

from headrace.base.datagram_batch import BoolArray, I64Array, U8Array
from headrace.fanout.headers import burst_headers, message_words, single_headers
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_group import SubscriberGroup
from headrace.fanout.subscriber_table import SubscriberColumns
from headrace.srt.packet import RETRANSMITTED_FLAG


class Burst(NamedTuple):
    """``p`` packets to each of ``v`` subscribers.

    Attributes:
        columns: The subscribers.
        headers: Shape ``(v, p, 16)``.
        slots: Where the payloads are in the ring's store; shape ``(p,)``.
        lengths: Payload bytes; shape ``(p,)``.
    """

    columns: SubscriberColumns
    headers: U8Array
    slots: I64Array
    lengths: I64Array

    def select(self, keep: BoolArray | slice) -> "Burst":
        """Return the burst to the subscribers where ``keep``, of shape ``(v,)``, is True, or in the slice."""
        return Burst(self.columns.select(keep), self.headers[keep], self.slots, self.lengths)


def make_bursts(ring: Ring, indices: I64Array, group: SubscriberGroup) -> list[Burst]:
    """Return the bursts that bring the held packets ``indices`` to those of ``group`` that are to get them.

    That is one burst, but where a packet is older than a subscriber: it arrived late, after others had joined.

    Args:
        ring: Holds the packets.
        indices: In order; shape ``(p,)``.
        group: The subscribers.
    """
    columns = group.columns
    if len(indices) and indices[0] >= group.newest_start_index:
        return [make_burst(ring, indices, columns)]
    joined = indices >= group.newest_start_index
    bursts = [make_burst(ring, indices[joined], columns)] if joined.any() else []
    for index in indices[~joined]:
        older = columns.select(columns.start_index <= index)
        if len(older.rows):
            bursts.append(make_burst(ring, indices[indices == index], older))
    return bursts


def make_burst(ring: Ring, indices: I64Array, columns: SubscriberColumns) -> Burst:
    """Return the burst that brings the held packets ``indices``, of shape ``(p,)``, to all of ``columns``."""
    slots = ring.slots(indices)
    headers = burst_headers(
        indices=indices,
        message_words=message_words(indices),
        times_us=ring.times_us[slots],
        columns=columns,
    )
    return Burst(columns, headers, slots, ring.lengths[slots])


class Resends(NamedTuple):
    """``n`` packets, each to its own subscriber.

    Attributes:
        headers: Shape ``(n, 16)``.
        slots: Shape ``(n,)``.
        lengths: Payload bytes; shape ``(n,)``.
    """

    headers: U8Array
    slots: I64Array
    lengths: I64Array


def make_resends(ring: Ring, indices: I64Array, columns: SubscriberColumns) -> Resends:
    """Return held packet ``indices[i]``, marked as sent again, for subscriber ``i``; all of shape ``(n,)``."""
    slots = ring.slots(indices)
    headers = single_headers(
        indices=indices,
        message_words=message_words(indices) | RETRANSMITTED_FLAG,
        times_us=ring.times_us[slots],
        columns=columns,
    )
    return Resends(headers, slots, ring.lengths[slots])
