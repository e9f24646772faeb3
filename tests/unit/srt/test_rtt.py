"""Smoothing of the round trip."""

from headrace.srt.rtt import RoundTrip


def test_before_the_first_sample_the_draft_s_defaults_hold() -> None:
    trip = RoundTrip()
    assert (trip.rtt_us, trip.variance_us) == (100_000, 50_000)
    assert trip.nak_interval_us == 150_000


def test_the_first_sample_replaces_the_defaults() -> None:
    trip = RoundTrip()
    trip.add_sample(40_000)
    assert (trip.rtt_us, trip.variance_us) == (40_000, 20_000)


def test_later_samples_are_weighted_an_eighth_and_their_deviation_a_quarter() -> None:
    trip = RoundTrip()
    trip.add_sample(40_000)
    trip.add_sample(80_000)
    assert (trip.rtt_us, trip.variance_us) == (45_000, (3 * 20_000 + 40_000) // 4)


def test_a_steady_path_converges_from_above_and_from_below() -> None:
    for first_us in (1_000, 500_000):
        trip = RoundTrip()
        trip.add_sample(first_us)
        for _ in range(100):
            trip.add_sample(60_000)
        assert abs(trip.rtt_us - 60_000) < 20
        assert trip.variance_us < 50


def test_what_the_peer_has_smoothed_is_taken_as_it_is() -> None:
    trip = RoundTrip()
    trip.adopt(33_000, 4_000)
    assert (trip.rtt_us, trip.variance_us) == (33_000, 4_000)
    trip.add_sample(33_000)
    assert (trip.rtt_us, trip.variance_us) == (33_000, 3_000)


def test_loss_reports_repeat_after_half_of_rtt_and_four_variances_but_not_under_20_ms() -> None:
    trip = RoundTrip()
    trip.adopt(60_000, 10_000)
    assert trip.nak_interval_us == 50_000
    trip.adopt(20_000, 5_000)
    assert trip.nak_interval_us == 20_000
    trip.adopt(0, 0)
    assert trip.nak_interval_us == 20_000
