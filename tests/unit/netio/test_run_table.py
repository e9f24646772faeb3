"""Which messages carry runs of datagrams."""

import numpy as np

from headrace.netio import libc
from headrace.netio.run_table import run_messages


def test_each_run_has_messages_of_its_own_and_a_short_packet_ends_one() -> None:
    made = run_messages([3, 1, 2], [100, 100, 50, 100, 60, 100], segmenting=True)
    assert made.runs.tolist() == [0, 1, 2, 2]
    assert made.first_packets.tolist() == [0, 3, 4, 5]
    assert made.packets.tolist() == [3, 1, 1, 1]
    assert made.control[:, 2].tolist() == [100, 100, 60, 100]
    assert made.control.shape == (4, libc.UDP_SEGMENT_WORDS)


def test_without_segmentation_each_packet_has_a_message() -> None:
    made = run_messages([2, 1], [100] * 3, segmenting=False)
    assert made.runs.tolist() == [0, 0, 1]
    assert made.first_packets.tolist() == [0, 1, 2]
    assert made.packets.tolist() == [1, 1, 1]


def test_runs_without_packets_have_no_message() -> None:
    made = run_messages([0, 2, 0], [100, 100], segmenting=True)
    assert (made.runs.tolist(), made.packets.tolist()) == ([1], [2])
    assert np.array_equal(run_messages([], [], segmenting=True).runs, [])
