"""Runs of datagrams, one for each of many peers, whose payloads lie in several stores: what one call sends."""

from typing import NamedTuple

from headrace.base.datagram_batch import I64Array, U8Array


class DatagramRuns(NamedTuple):
    """R runs with N datagrams in all, which follow each other in the columns.

    Attributes:
        addresses: The peer of each run; shape ``(R, 28)``, C-contiguous.
        packets: Datagrams of each run; shape ``(R,)``, int64.
        stores: Payloads for each run, each of shape ``(capacity, stride)``, C-contiguous; R of them.
        headers: Shape ``(N, H)``, C-contiguous.
        slots: Row of its run's store of each datagram; shape ``(N,)``, int64.
        lengths: Payload bytes of each datagram; shape ``(N,)``, int64.
    """

    addresses: U8Array
    packets: I64Array
    stores: list[U8Array]
    headers: U8Array
    slots: I64Array
    lengths: I64Array
