import numpy as np

from headrace.bench.arrivals import WINDOW_PACKETS, Arrivals


def take(arrivals: Arrivals, *packets: tuple[int, int]) -> list[int]:
    rows, indices = np.array(packets, np.int64).reshape(-1, 2).T
    touched: list[int] = arrivals.take(rows, indices).rows.tolist()
    return touched


def test_a_gap_is_missing_until_it_is_filled() -> None:
    arrivals = Arrivals(2)
    take(arrivals, (0, 0), (0, 3), (1, 0))
    assert arrivals.missing_packets.tolist() == [2, 0]
    assert arrivals.contiguous_index.tolist() == [1, 1]
    take(arrivals, (0, 2), (0, 1))
    assert arrivals.missing_packets.tolist() == [0, 0]
    assert arrivals.contiguous_index.tolist() == [4, 1]
    assert arrivals.recovered_packets.tolist() == [2, 0]


def test_a_packet_that_comes_twice_is_a_duplicate_also_within_a_batch() -> None:
    arrivals = Arrivals(1)
    take(arrivals, (0, 0), (0, 1), (0, 1))
    assert take(arrivals, (0, 0)) == []
    assert arrivals.duplicate_packets.tolist() == [2]
    assert arrivals.received_packets.tolist() == [2]


def test_what_was_given_up_comes_belated_and_is_no_duplicate() -> None:
    arrivals = Arrivals(1)
    take(arrivals, (0, 2))
    arrivals.give_up_below(np.array([0]), np.array([1]))
    assert arrivals.given_up_packets.tolist() == [1]
    assert arrivals.contiguous_index.tolist() == [1]
    take(arrivals, (0, 0))
    assert (arrivals.belated_packets.tolist(), arrivals.duplicate_packets.tolist()) == ([1], [0])


def test_more_than_the_window_behind_nothing_is_waited_for() -> None:
    arrivals = Arrivals(1)
    take(arrivals, (0, WINDOW_PACKETS))
    assert arrivals.given_up_packets.tolist() == [1]
    take(arrivals, (0, WINDOW_PACKETS + 1))
    assert arrivals.given_up_packets.tolist() == [2]
    assert arrivals.missing_packets.tolist() == [WINDOW_PACKETS - 2]
