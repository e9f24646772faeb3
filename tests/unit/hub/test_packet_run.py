"""A run's columns."""

import numpy as np

from headrace.hub.packet_run import PacketRun
from headrace.mpegts.unit_starts import UnitStarts


def test_a_payload_ends_where_its_length_says() -> None:
    payloads = np.arange(20, dtype=np.uint8).reshape(2, 10)
    run = PacketRun(payloads, [10, 3], [0, 0], UnitStarts([], []))
    assert run.payload(0).tobytes() == bytes(range(10))
    assert run.payload(1).tobytes() == bytes([10, 11, 12])
