"""How a burst is cut into segmented messages."""

from random import Random

from headrace.netio.segment_groups import (
    MAX_SEGMENTED_BYTES,
    MAX_SEGMENTS,
    SegmentGroup,
    group_segments,
    one_packet_groups,
)


def test_packets_of_equal_length_make_one_group() -> None:
    assert group_segments([1332] * 8) == [SegmentGroup(0, 8, 1332)]


def test_a_short_packet_is_the_last_of_its_group() -> None:
    assert group_segments([100, 100, 40, 100]) == [SegmentGroup(0, 3, 100), SegmentGroup(3, 1, 100)]


def test_a_longer_packet_starts_a_group() -> None:
    assert group_segments([40, 100, 100]) == [SegmentGroup(0, 1, 40), SegmentGroup(1, 2, 100)]


def test_two_short_packets_do_not_share_a_group_with_a_long_one() -> None:
    assert group_segments([100, 40, 40]) == [SegmentGroup(0, 2, 100), SegmentGroup(2, 1, 40)]


def test_an_empty_packet_stands_alone() -> None:
    assert group_segments([10, 0, 10]) == [SegmentGroup(0, 1, 10), SegmentGroup(1, 1, 0), SegmentGroup(2, 1, 10)]


def test_a_group_has_64_segments_at_most() -> None:
    assert group_segments([10] * MAX_SEGMENTS) == [SegmentGroup(0, 64, 10)]
    assert group_segments([10] * (MAX_SEGMENTS + 1)) == [SegmentGroup(0, 64, 10), SegmentGroup(64, 1, 10)]


def test_a_group_fits_one_ip_packet() -> None:
    exact = MAX_SEGMENTED_BYTES // 49
    assert exact * 49 <= MAX_SEGMENTED_BYTES
    assert group_segments([exact] * 49) == [SegmentGroup(0, 49, exact)]
    assert group_segments([exact + 1] * 49) == [SegmentGroup(0, 48, exact + 1), SegmentGroup(48, 1, exact + 1)]


def test_no_packets_make_no_group() -> None:
    assert group_segments([]) == one_packet_groups([]) == []


def test_without_offload_each_packet_is_a_group() -> None:
    assert one_packet_groups([5, 6]) == [SegmentGroup(0, 1, 5), SegmentGroup(1, 1, 6)]


def test_groups_cover_every_burst_in_order_and_keep_the_kernels_rules() -> None:
    random = Random(4)
    for _ in range(300):
        sizes = [random.choice([1332, 1332, 1332, 700, 16]) for _ in range(random.randrange(1, 150))]
        groups = group_segments(sizes)
        assert [index for g in groups for index in range(g.first_packet, g.first_packet + g.packets)] == list(
            range(len(sizes))
        )
        for group in groups:
            *segments, last = sizes[group.first_packet : group.first_packet + group.packets]
            assert set(segments) <= {group.segment_bytes}
            assert last <= group.segment_bytes
            assert sum(segments) + last <= MAX_SEGMENTED_BYTES
            assert group.packets <= MAX_SEGMENTS
