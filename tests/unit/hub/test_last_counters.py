"""Where continuity counters stand in a ring."""

import numpy as np
from tests.support.groups import VIDEO_PID, Groups

from headrace.fanout.ring import Ring
from headrace.hub.last_counters import last_counters
from headrace.mpegts.packet import PAT_PID, TS_PACKET_BYTES, encode_packet, packet_pid


def filled(*payloads: bytes) -> Ring:
    ring = Ring()
    for index, payload in enumerate(payloads):
        ring.put(index, np.frombuffer(payload, np.uint8), 0)
    return ring


def test_an_empty_ring_has_none() -> None:
    assert last_counters(Ring()) == {}


def test_it_is_the_last_of_each_pid() -> None:
    groups = Groups()
    payloads = [payload for _ in range(5) for payload in groups.next_frame()]
    stream = b"".join(payloads)
    expected: dict[int, int] = {}
    for at in range(0, len(stream), TS_PACKET_BYTES):
        expected[packet_pid(stream[at:])] = stream[at + 3] & 15
    expected.pop(0x1FFF)
    assert last_counters(filled(*payloads)) == expected
    assert {PAT_PID, VIDEO_PID} <= expected.keys()


def test_what_is_left_in_a_slot_of_a_longer_payload_does_not_count() -> None:
    ring = Ring(retention_us=0, max_packets=2)
    for index, pids in enumerate(((0x100, 0x101), (0x102, 0x103), (0x104,))):
        payload = b"".join(encode_packet(pid, 3, bytes(184)) for pid in pids)
        ring.put(index, np.frombuffer(payload, np.uint8), 0)
    assert last_counters(ring) == {0x102: 3, 0x103: 3, 0x104: 3}


def test_what_is_no_transport_stream_has_none() -> None:
    assert last_counters(filled(b"no transport stream" * 20)) == {}
