"""From which packet a new subscriber can decode at once."""

from tests.support.transport import packets_of, tables

from headrace.hub.start_points import MAX_TABLES, StartPoints
from headrace.mpegts.packet import NULL_PID, encode_packet, split_into_packets
from headrace.mpegts.pes import encode_pes
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.stream_type import StreamType

PAT, PMT = packets_of(tables(streams=(ElementaryStream(StreamType.H264, 0x100),)))
KEYFRAME = split_into_packets(0x100, 0, encode_pes(0xE0, bytes(100), 90_000), random_access=True)[0]
PICTURE = split_into_packets(0x100, 0, encode_pes(0xE0, bytes(100), 90_000))[0]
NOTHING = encode_packet(NULL_PID, 0, b"\xff" * 184)


def after(*payloads: bytes) -> StartPoints:
    """Return what is known after ``payloads``, from channel packet 0 on."""
    points = StartPoints()
    for index, payload in enumerate(payloads):
        points.handle_payload(index, payload)
    return points


def test_at_first_nothing_is_known() -> None:
    assert after().newest_index is None
    assert after(PAT + PMT, PICTURE).newest_index is None


def test_a_subscriber_starts_with_the_tables_before_the_newest_keyframe() -> None:
    points = after(
        NOTHING, PAT + PMT, KEYFRAME, PICTURE, NOTHING + PAT + PMT, PICTURE, PAT + PMT + KEYFRAME, PICTURE
    )
    assert points.newest_index == 6
    points.handle_payload(8, PAT + PMT)
    assert points.newest_index == 6
    points.handle_payload(9, KEYFRAME)
    assert points.newest_index == 8


def test_tables_after_the_keyframe_in_the_same_packet_are_not_before_it() -> None:
    assert after(PAT + PMT, PICTURE, KEYFRAME + PAT + PMT).newest_index == 0


def test_the_association_has_to_be_before_the_map_and_the_map_before_the_keyframe() -> None:
    assert after(PAT, PMT, PAT, KEYFRAME).newest_index == 0
    assert after(PAT + PMT, PMT + PAT, KEYFRAME).newest_index == 0
    assert after(PAT, PMT, KEYFRAME).newest_index == 0


def test_a_keyframe_that_comes_late_counts_if_none_after_it_has_come() -> None:
    points = after(PAT + PMT, KEYFRAME)
    points.handle_payload(7, PICTURE)
    points.handle_payload(5, PAT + PMT)
    points.handle_payload(6, KEYFRAME)
    assert points.newest_index == 5
    points.handle_payload(3, PAT + PMT + KEYFRAME)
    assert points.newest_index == 5


def test_after_an_older_keyframe_has_come_late_the_newest_one_is_still_the_newest() -> None:
    points = after(PAT + PMT)
    points.handle_payload(9, KEYFRAME)
    points.handle_payload(3, KEYFRAME)
    points.handle_payload(8, PAT + PMT)
    assert points.newest_index == 8


def test_tables_that_come_late_bring_the_start_nearer_to_the_keyframe() -> None:
    points = after(PAT + PMT, PICTURE)
    points.handle_payload(4, PMT + KEYFRAME)
    assert points.newest_index == 0
    points.handle_payload(3, PAT)
    assert points.newest_index == 3
    points.handle_payload(2, PAT + PMT)
    assert points.newest_index == 3


def test_a_keyframe_without_tables_before_it_is_not_a_start() -> None:
    points = StartPoints()
    points.handle_payload(5, PAT + PMT)
    points.handle_payload(3, KEYFRAME)
    assert points.newest_index is None
    points.handle_payload(2, PAT + PMT)
    assert points.newest_index == 2


def test_so_many_tables_are_remembered_and_no_more() -> None:
    for tables_between, start in ((MAX_TABLES - 1, 10), (MAX_TABLES, None)):
        points = StartPoints()
        points.handle_payload(10, PAT + PMT)
        for index in range(tables_between):
            points.handle_payload(100 + index, PAT + PMT)
        points.handle_payload(12, KEYFRAME)
        assert points.newest_index == start


def test_payloads_without_whole_packets_are_nothing() -> None:
    assert after(PAT + PMT, KEYFRAME[1:], b"", b"x" * 1316).newest_index is None


def test_the_newest_two_keyframes_are_known_with_tables_and_without() -> None:
    points = after(PICTURE, PAT + PMT)
    assert points.keyframe_indices == (-1, -1)
    points.handle_payload(2, PICTURE + KEYFRAME)
    assert points.keyframe_indices == (2, -1)
    points.handle_payload(9, KEYFRAME)
    points.handle_payload(5, KEYFRAME)
    assert points.keyframe_indices == (9, 2)
