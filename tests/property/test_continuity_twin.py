"""The columns of `ContinuityCounters` against the same rules, written packet by packet."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.scalar_counters import ScalarCounters

from headrace.mpegts.continuity import NEVER_SEEN, PIDS, ContinuityCounters
from headrace.mpegts.packet import TS_PACKET_BYTES

HEADERS = st.tuples(
    st.sampled_from([0x47] * 9 + [0x46]),
    st.sampled_from([0, 0, 0, 0, 0x1F, 0x80]),  # two families of PIDs, and damaged
    st.sampled_from([0, 1, 0xFF]),
    st.sampled_from([0x10, 0x10, 0x10, 0x20, 0x30, 0x00]),
    st.sampled_from(
        [0, 0, 0, 0, 1, 1, 2, 15, 7]
    ),  # steps of the counter: most are right after one kind or the other
    st.sampled_from([0, 1, 183]),
    st.sampled_from([0, 0, 0x80]),
)


def packets_of(headers: list[tuple[int, ...]]) -> list[bytes]:
    """Return packets whose counters make the steps given, over all PIDs."""
    made, counter = [], 14
    for sync, high, low, control, step, length, flags in headers:
        counter = (counter + step) % 16
        made.append(bytes([sync, high, low, control | counter, length, flags]).ljust(TS_PACKET_BYTES, b"\0"))
    return made


@settings(max_examples=300)
@given(st.lists(HEADERS, max_size=60), st.integers(1, 60))
def test_columns_count_what_a_walk_over_the_packets_counts(headers: list[tuple[int, ...]], at_once: int) -> None:
    packets = packets_of(headers)
    scalar, columns = ScalarCounters(), ContinuityCounters()
    for start in range(0, len(packets), at_once):
        part = packets[start : start + at_once]
        rows = np.frombuffer(b"".join(part), np.uint8).reshape(-1, TS_PACKET_BYTES)
        assert columns.feed(rows) == sum(map(scalar.is_wrong, part))
    assert columns.last.tolist() == [scalar.last.get(pid, NEVER_SEEN) for pid in range(PIDS)]
