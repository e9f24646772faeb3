"""The matrix of arrivals does what a set of indices for each receiver does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headrace.bench.arrivals import WINDOW_PACKETS, Arrivals

RECEIVERS = 3


class Twin:
    """One receiver."""

    def __init__(self) -> None:
        self.come: set[int] = set()
        self.given_up: set[int] = set()
        self.next_index = self.duplicates = self.belated = self.recovered = 0

    @property
    def missing(self) -> set[int]:
        return set(range(self.next_index)) - self.come - self.given_up

    def take_batch(self, indices: list[int]) -> None:
        floor, high = min(self.missing, default=self.next_index), self.next_index
        for index in indices:
            if index in self.come:
                self.duplicates += 1
            elif index < floor:
                self.belated += 1
            else:
                self.recovered += index < high
                self.come.add(index)
                self.next_index = max(self.next_index, index + 1)
        self.give_up_below(self.next_index - WINDOW_PACKETS)

    def give_up_below(self, index: int) -> None:
        self.given_up |= {one for one in self.missing if one < index}


batches = st.lists(
    st.lists(st.tuples(st.integers(0, RECEIVERS - 1), st.integers(-6, 12)), max_size=20), min_size=1, max_size=12
)


@given(batches, st.sampled_from([0, 5, WINDOW_PACKETS]), st.integers(0, 12))
def test_arrivals_are_those_of_sets(steps: list[list[tuple[int, int]]], leap: int, keep: int) -> None:
    arrivals, twins = Arrivals(RECEIVERS), [Twin() for _ in range(RECEIVERS)]
    for step, batch in enumerate(steps):
        ahead = leap if step == len(steps) // 2 else 0
        packets = [(row, max(0, twins[row].next_index + offset + ahead)) for row, offset in batch]
        # What is older than the window is not known any more; nobody sends that.
        packets = [(row, max(index, twins[row].next_index - 20)) for row, index in packets]
        rows = np.array([row for row, _ in packets], np.int64)
        old_next = arrivals.next_index.copy()
        taken = arrivals.take(rows, np.array([index for _, index in packets], np.int64))
        for row, twin in enumerate(twins):
            before = len(twin.come)
            twin.take_batch([index for number, index in packets if number == row])
            counts = dict(zip(taken.rows.tolist(), taken.counts.tolist(), strict=True))
            assert counts.get(row, 0) == len(twin.come) - before
        assert taken.old_next_index.tolist() == old_next[taken.rows].tolist()
        check(arrivals, twins)
        boundary = np.array([twin.next_index - keep for twin in twins])
        arrivals.give_up_below(np.arange(RECEIVERS), boundary)
        for twin in twins:
            twin.give_up_below(twin.next_index - keep)
        check(arrivals, twins)


def check(arrivals: Arrivals, twins: list[Twin]) -> None:
    assert arrivals.next_index.tolist() == [twin.next_index for twin in twins]
    assert arrivals.received_packets.tolist() == [len(twin.come) for twin in twins]
    assert arrivals.given_up_packets.tolist() == [len(twin.given_up) for twin in twins]
    assert arrivals.missing_packets.tolist() == [len(twin.missing) for twin in twins]
    assert arrivals.duplicate_packets.tolist() == [twin.duplicates for twin in twins]
    assert arrivals.belated_packets.tolist() == [twin.belated for twin in twins]
    assert arrivals.recovered_packets.tolist() == [twin.recovered for twin in twins]
    floors = [min(twin.missing, default=twin.next_index) for twin in twins]
    assert arrivals.contiguous_index.tolist() == floors
    low = arrivals.contiguous_index
    matrix = arrivals.missing(np.arange(RECEIVERS), low, arrivals.next_index)
    for row, twin in enumerate(twins):
        assert {int(low[row]) + int(at) for at in np.flatnonzero(matrix[row])} == twin.missing
