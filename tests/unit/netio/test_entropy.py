"""Randomness from the operating system."""

from headrace.netio.entropy import random_bytes, random_u32


def test_random_numbers_use_all_32_bits_and_no_more() -> None:
    numbers = [random_u32() for _ in range(200)]
    assert all(0 <= number < 1 << 32 for number in numbers)
    seen_set, seen_clear = 0, 0
    for number in numbers:
        seen_set |= number
        seen_clear |= ~number & 0xFFFF_FFFF
    assert seen_set == seen_clear == 0xFFFF_FFFF


def test_random_bytes_are_as_many_as_asked_for_and_differ() -> None:
    assert len(random_bytes(24)) == 24
    assert random_bytes(16) != random_bytes(16)
