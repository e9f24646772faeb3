"""The columns of `ContinuityCounters` against the same rules, written packet by packet."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.mpegts.continuity import NEVER_SEEN, PIDS, ContinuityCounters
from headrace.mpegts.packet import TS_PACKET_BYTES


class ScalarCounters:
    """ISO/IEC 13818-1, 2.4.3.3, one packet at a time."""

    def __init__(self) -> None:
        self.last: dict[int, int] = {}
        self.has_payload: dict[int, bool] = {}
        self.is_repeat: dict[int, bool] = {}

    def is_wrong(self, packet: bytes) -> bool:
        """Take one packet."""
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        control, counter = packet[3] >> 4 & 3, packet[3] & 15
        if packet[0] != 0x47 or packet[1] & 0x80 or control == 0 or pid == 0x1FFF:
            return False
        has_payload = bool(control & 1)
        last = self.last.get(pid)
        repeats = has_payload and self.has_payload.get(pid, False) and counter == last
        may_repeat = not self.is_repeat.get(pid, False)
        self.last[pid], self.has_payload[pid], self.is_repeat[pid] = counter, has_payload, repeats
        if last is None or (control & 2 and packet[4] and packet[5] & 0x80):
            return False
        if repeats:
            return not may_repeat
        return counter != (last + has_payload) % 16


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
