"""Packets of several channels made ready for a few subscribers each: what one call of the socket sends.

For one channel and many subscribers `headrace.fanout.burst` does it with fewer arrays. Its bursts, one after
another, are the twin: they send the same.

Source: ``docs/decisions/0015-media-loop.md``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.base.datagram_runs import DatagramRuns
from headrace.fanout.headers import message_words, single_headers
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_table import Rows, SubscriberColumns


class Part(NamedTuple):
    """Held packets ``indices`` of a ring, at least one, which all of ``columns``, at least one, are to get."""

    ring: Ring
    indices: I64Array
    columns: SubscriberColumns


class JointBurst(NamedTuple):
    """A run of packets for each of ``r`` subscribers.

    Attributes:
        rows: Rows of the table, in the order of their parts; shape ``(r,)``.
        payload_bytes: Of each run; shape ``(r,)``.
        runs: What is to be sent.
    """

    rows: Rows
    payload_bytes: I64Array
    runs: DatagramRuns


def make_joint_burst(parts: Sequence[Part]) -> JointBurst:
    """Return what brings all of ``parts``, at least one, to their subscribers."""
    stores: list[U8Array] = []
    packets: list[int] = []
    of_packets: list[tuple[I64Array, ...]] = []
    for part in parts:
        ring, slots, peers = part.ring, part.ring.slots(part.indices), len(part.columns.rows)
        of_packets += [(part.indices, slots, ring.times_us[slots], ring.lengths[slots])] * peers
        packets += [len(slots)] * peers
        stores += [ring.store] * peers
    indices, slots, times_us, lengths = map(np.concatenate, zip(*of_packets, strict=True))
    counts = np.array(packets, np.int64)
    columns = SubscriberColumns(*map(np.concatenate, zip(*(part.columns for part in parts), strict=True)))
    headers = single_headers(
        indices=indices,
        message_words=message_words(indices),
        times_us=times_us,
        columns=columns,
        places=np.repeat(np.arange(len(counts)), counts),
    )
    payload_bytes = np.add.reduceat(lengths, np.cumsum(counts) - counts)
    runs = DatagramRuns(columns.address, counts, stores, headers, slots, lengths)
    return JointBurst(columns.rows, payload_bytes, runs)
