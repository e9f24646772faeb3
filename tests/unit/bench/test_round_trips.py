import numpy as np

from headrace.bench.round_trips import ACK_INTERVAL_US, RoundTrips
from headrace.srt.rtt import RoundTrip

ROWS = np.arange(2)


def test_round_trips_are_smoothed_as_the_connection_does() -> None:
    trips, twin = RoundTrips(2), RoundTrip()
    assert trips.nak_interval_us(ROWS).tolist() == [twin.nak_interval_us] * 2
    for number, sample_us in enumerate((4_000, 90_000, 100), 1):
        trips.open(ROWS, np.array([number, number]), 0)
        trips.settle(np.array([1]), np.array([number]), sample_us)
        twin.add_sample(sample_us)
        assert (trips.rtt_us[1], trips.variance_us[1]) == (twin.rtt_us, twin.variance_us)
        assert trips.nak_interval_us(ROWS)[1] == twin.nak_interval_us
    assert trips.rtt_us[0] == RoundTrip().rtt_us


def test_an_acknowledgement_is_due_when_there_is_something_new() -> None:
    trips = RoundTrips(2)
    assert trips.due(ROWS, np.array([0, 3]), 0).tolist() == [1]


def test_an_unanswered_acknowledgement_is_repeated_and_an_answered_one_is_not() -> None:
    trips = RoundTrips(2)
    for _ in range(2):
        trips.open(ROWS, np.array([5, 5]), 0)
    trips.settle(ROWS, np.array([1, 1]), 100)
    assert trips.due(ROWS, np.array([5, 5]), ACK_INTERVAL_US).tolist() == []
    trips.open(ROWS, np.array([8, 8]), 20_000)
    trips.settle(np.array([0]), np.array([3]), 20_100)
    assert trips.due(ROWS, np.array([8, 8]), 20_000 + ACK_INTERVAL_US - 1).tolist() == []
    assert trips.due(ROWS, np.array([8, 8]), 20_000 + ACK_INTERVAL_US).tolist() == [1]


def test_what_answers_no_open_acknowledgement_is_passed_over() -> None:
    trips = RoundTrips(2)
    trips.open(ROWS, np.array([5, 5]), 0)
    trips.settle(ROWS, np.array([0, 2]), 10)
    assert trips.rtt_us.tolist() == [RoundTrip().rtt_us] * 2
