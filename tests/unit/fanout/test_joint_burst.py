"""Packets of several channels made ready for one call."""

import numpy as np
from tests.support.fanout_tables import address, ring_with, subscribe

from headrace.fanout.joint_burst import Part, make_joint_burst
from headrace.fanout.subscriber_table import SubscriberTable


def test_each_subscriber_gets_a_run_of_its_channel_s_packets_from_its_channel_s_store() -> None:
    table = SubscriberTable()
    rows = [subscribe(table, number) for number in range(3)]
    one, other = ring_with(range(4)), ring_with(range(300))
    burst = make_joint_burst(
        [
            Part(one, np.array([1, 2, 3]), table.gather(np.array(rows[:2]))),
            Part(other, np.array([299]), table.gather(np.array(rows[2:]))),
        ]
    )
    assert burst.rows.tolist() == rows
    assert burst.payload_bytes.tolist() == [3 * 188, 3 * 188, 188]
    runs = burst.runs
    assert [row.tobytes() for row in runs.addresses] == [address(number) for number in range(3)]
    assert runs.packets.tolist() == [3, 3, 1]
    assert [store is one.store for store in runs.stores] == [True, True, False]
    assert runs.slots.tolist() == [1, 2, 3, 1, 2, 3, 299]
    assert runs.headers.shape == (7, 16)
