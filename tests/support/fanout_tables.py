"""Rings and subscriber tables for tests."""

from dataclasses import replace

import numpy as np
from tests.support.srt_datagrams import PARAMETERS

from headrace.base.datagram_batch import U8Array
from headrace.base.sockaddr import encode_sockaddr
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_table import SubscriberTable


def payload(index: int, length_bytes: int = 188) -> U8Array:
    """Return a payload that tells its index."""
    return np.frombuffer(index.to_bytes(8, "big").ljust(length_bytes, b"."), np.uint8)


def ring_with(indices: range, *, interval_us: int = 1_000) -> Ring:
    """Return a ring that holds ``indices``, one every ``interval_us``."""
    ring = Ring()
    for index in indices:
        assert ring.put(index, payload(index), index * interval_us)
    return ring


def address(number: int) -> bytes:
    """Return a socket address of its own for each ``number``."""
    return encode_sockaddr(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 9_000)


def subscribe(
    table: SubscriberTable, number: int, *, next_index: int = 0, send_seqno: int = 100, epoch_us: int = 0
) -> int:
    """Add subscriber ``number`` and return its row."""
    socket_id = table.reserve(nonce=number)
    assert socket_id is not None
    parameters = replace(
        PARAMETERS,
        socket_id=socket_id,
        peer_socket_id=5_000 + number,
        send_seqno=send_seqno,
        epoch_us=epoch_us,
    )
    return table.add(parameters, address(number), next_index)
