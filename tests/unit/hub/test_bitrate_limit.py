"""What a producer may send: on average, at once, and one byte past it."""

import pytest

from headrace.hub.bitrate_limit import BURST_SECONDS, BitrateLimit

SECOND = 1_000_000
BPS = 8_000_000
BYTES = BPS // 8


def test_a_burst_at_the_limit_is_let_through_and_a_byte_more_is_not() -> None:
    assert not BitrateLimit(BPS).is_exceeded(BURST_SECONDS * BYTES, 0)
    assert BitrateLimit(BPS).is_exceeded(BURST_SECONDS * BYTES + 1, 0)


@pytest.mark.parametrize(("per_mille", "expected"), [(1000, False), (1050, True)])
def test_a_steady_stream_may_have_the_limit_for_ever_and_not_a_twentieth_more(
    per_mille: int, *, expected: bool
) -> None:
    limit = BitrateLimit(BPS)
    steps = range(1, 100 * 1000)
    assert any(limit.is_exceeded(step * BYTES * per_mille // 1_000_000, step * 1000) for step in steps) is expected


def test_an_outage_of_the_longest_latency_at_half_the_limit_is_let_through() -> None:
    limit = BitrateLimit(BPS)
    assert not limit.is_exceeded(BYTES, 2 * SECOND)
    assert not limit.is_exceeded(BYTES + 8 * BYTES // 2, 10 * SECOND)


def test_keyframes_of_ten_times_the_mean_are_no_offence() -> None:
    limit = BitrateLimit(BPS)
    sent_bytes = 0
    for frame in range(3000):
        sent_bytes += BYTES // 30 * (10 if frame % 60 == 0 else 8) // 10
        assert not limit.is_exceeded(sent_bytes, frame * SECOND // 30)


def test_0_sets_no_limit() -> None:
    assert not BitrateLimit(0).is_exceeded(1 << 60, 0)
