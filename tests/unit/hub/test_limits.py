"""The limits together: honest crowds fit, and no one of them makes another meaningless."""

from headrace.hub.limits import DEFAULT_LIMITS

VIEWERS_BEHIND_ONE_ADDRESS = 1_500
"""What tests and benches connect from one."""
LARGEST_HONEST_BITS_PER_SECOND = 80_000_000
"""A contribution of 4K in HEVC."""


def test_honest_crowds_fit() -> None:
    assert DEFAULT_LIMITS.connections_per_host >= VIEWERS_BEHIND_ONE_ADDRESS
    assert DEFAULT_LIMITS.producer_bits_per_second >= 2 * LARGEST_HONEST_BITS_PER_SECOND


def test_neither_one_host_nor_one_channel_can_take_all_connections() -> None:
    assert DEFAULT_LIMITS.connections_per_host < DEFAULT_LIMITS.connections
    assert DEFAULT_LIMITS.subscribers_per_channel < DEFAULT_LIMITS.connections
    assert DEFAULT_LIMITS.channels < DEFAULT_LIMITS.connections
