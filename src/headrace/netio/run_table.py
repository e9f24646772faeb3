"""Which messages bring runs of datagrams to their peers, where each peer gets packets of its own.

Source: sendmmsg(2), udp(7) ``UDP_SEGMENT``.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.netio import libc
from headrace.netio.segment_groups import SegmentGroup, group_segments, one_packet_groups


class RunMessages(NamedTuple):
    """``m`` messages, in the order of their runs.

    Attributes:
        runs: Which run each is of; shape ``(m,)``.
        first_packets: Its first datagram, counted through all runs; shape ``(m,)``.
        packets: How many datagrams it carries; shape ``(m,)``.
        control: A control message for each; shape ``(m, 3)``.
    """

    runs: I64Array
    first_packets: I64Array
    packets: I64Array
    control: I64Array


def run_messages(packets: list[int], datagram_bytes: list[int], *, segmenting: bool) -> RunMessages:
    """Return the fewest messages for these runs.

    Args:
        packets: Datagrams of each run.
        datagram_bytes: Header and payload bytes of each datagram of all runs.
        segmenting: Whether a message may carry several.
    """
    table: list[tuple[int, int, int, int]] = []
    begin = 0
    for run, count in enumerate(packets):
        for first, size, segment_bytes in _groups(tuple(datagram_bytes[begin : begin + count]), segmenting):
            table.append((run, begin + first, size, segment_bytes))
        begin += count
    columns = np.array(table, np.int64).reshape(-1, 4)
    control = np.empty((len(table), libc.UDP_SEGMENT_WORDS), np.int64)
    control[:, 0] = libc.UDP_SEGMENT_USED_BYTES
    control[:, 1] = libc.UDP_SEGMENT_LEVEL_AND_TYPE
    control[:, 2] = columns[:, 3]
    return RunMessages(columns[:, 0], columns[:, 1], columns[:, 2], control)


@lru_cache(maxsize=1024)
def _groups(datagram_bytes: tuple[int, ...], segmenting: bool) -> list[SegmentGroup]:
    return group_segments([*datagram_bytes]) if segmenting else one_packet_groups([*datagram_bytes])
