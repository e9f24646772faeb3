"""Numbers that wrap: their arithmetic at the edges, and its range everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.base.seqno import (
    SEQNO_MODULUS,
    TIMESTAMP_MODULUS_US,
    add_seqno,
    seqno_distance,
    seqno_distances,
    timestamp_distance_us,
    unwrap_seqno,
    unwrap_timestamp_us,
)

SEQNOS = st.integers(0, SEQNO_MODULUS - 1)
TIMESTAMPS = st.integers(0, TIMESTAMP_MODULUS_US - 1)
ANYWHERE = st.integers(-(1 << 50), 1 << 50)


@pytest.mark.parametrize(
    ("seqno", "packets", "expected"),
    [(0, 0, 0), (0x7FFF_FFFF, 1, 0), (0, -1, 0x7FFF_FFFF), (5, 1 << 31, 5), (7, -8, 0x7FFF_FFFF)],
)
def test_sequence_numbers_are_added_modulo_2_to_the_31(seqno: int, packets: int, expected: int) -> None:
    assert add_seqno(seqno, packets) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 0, 0),
        (0x7FFF_FFFF, 0, 1),
        (0, 0x7FFF_FFFF, -1),
        (0, 0x3FFF_FFFF, 0x3FFF_FFFF),
        (0, 0x4000_0000, -0x4000_0000),
        (0x4000_0000, 0, -0x4000_0000),
    ],
)
def test_distances_are_signed_and_take_the_shorter_way(start: int, end: int, expected: int) -> None:
    assert seqno_distance(start, end) == expected


@pytest.mark.parametrize(
    ("start_us", "end_us", "expected_us"),
    [
        (0xFFFF_FFFF, 0, 1),
        (0, 0xFFFF_FFFF, -1),
        (0, 0x7FFF_FFFF, 0x7FFF_FFFF),
        (0, 0x8000_0000, -0x8000_0000),
    ],
)
def test_timestamps_have_one_bit_more(start_us: int, end_us: int, expected_us: int) -> None:
    assert timestamp_distance_us(start_us, end_us) == expected_us


@given(SEQNOS, SEQNOS)
def test_every_distance_is_in_range_and_leads_there(start: int, end: int) -> None:
    distance = seqno_distance(start, end)
    assert -(1 << 30) <= distance < 1 << 30
    assert add_seqno(start, distance) == end


@given(SEQNOS, ANYWHERE)
def test_every_sum_is_a_sequence_number(seqno: int, packets: int) -> None:
    assert 0 <= add_seqno(seqno, packets) < SEQNO_MODULUS


@given(TIMESTAMPS, TIMESTAMPS)
def test_every_time_distance_is_in_range_and_leads_there(start_us: int, end_us: int) -> None:
    distance_us = timestamp_distance_us(start_us, end_us)
    assert -(1 << 31) <= distance_us < 1 << 31
    assert (start_us + distance_us) % TIMESTAMP_MODULUS_US == end_us


@given(SEQNOS, ANYWHERE)
def test_an_unwrapped_index_is_the_nearest_with_that_number(seqno: int, near: int) -> None:
    index = unwrap_seqno(seqno, near)
    assert index % SEQNO_MODULUS == seqno
    assert -(1 << 30) <= index - near < 1 << 30


@given(TIMESTAMPS, ANYWHERE)
def test_an_unwrapped_time_is_the_nearest_with_that_stamp(timestamp_us: int, near_us: int) -> None:
    time_us = unwrap_timestamp_us(timestamp_us, near_us)
    assert time_us % TIMESTAMP_MODULUS_US == timestamp_us
    assert -(1 << 31) <= time_us - near_us < 1 << 31


@given(st.lists(st.tuples(SEQNOS, SEQNOS), max_size=5))
def test_distances_of_many_are_those_of_one_after_the_other(pairs: list[tuple[int, int]]) -> None:
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    assert seqno_distances(columns[:, 0], columns[:, 1]).tolist() == [seqno_distance(*pair) for pair in pairs]
