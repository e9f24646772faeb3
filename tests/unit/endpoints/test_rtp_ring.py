"""The packets of one stream, kept once."""

from headrace.endpoints.rtp_ring import KEEP_US, LIVE_US, MAX_BACKLOG_PACKETS, RtpRing


def packets(count: int) -> list[bytes]:
    return [b"%04d" % number for number in range(count)]


def test_packets_are_kept_by_index_for_as_long_as_they_may_be_asked_for() -> None:
    ring = RtpRing(7)
    ring.add(packets(3), 0)
    ring.add([b"more"], KEEP_US)
    assert ring.between(7, 11) == [*packets(3), b"more"]
    assert (ring.first_index, ring.next_index, ring.kept_bytes) == (7, 11, 16)
    ring.add([b"last"], KEEP_US + 1)
    assert (ring.first_index, ring.get(9), ring.get(10)) == (10, None, b"more")
    assert ring.kept_bytes == 8


def test_from_the_newest_keyframe_on_all_are_kept() -> None:
    ring = RtpRing()
    ring.add(packets(2), 0, is_keyframe=True)
    for second in range(1, 5):
        ring.add(packets(1), second * KEEP_US)
    assert (ring.first_index, ring.keyframe_index) == (0, 0)
    ring.add(packets(2), 5 * KEEP_US, is_keyframe=True)
    assert ring.keyframe_index == 6
    ring.add(packets(1), 6 * KEEP_US + 1)
    assert ring.first_index == 6


def test_a_keyframe_that_is_too_long_ago_is_none() -> None:
    ring = RtpRing()
    ring.add(packets(1), 0, is_keyframe=True)
    ring.add(packets(MAX_BACKLOG_PACKETS - 1), 0)
    assert ring.keyframe_index == 0
    ring.add(packets(1), 0)
    assert ring.keyframe_index is None
    ring.add(packets(1), KEEP_US + 1)
    assert ring.first_index == MAX_BACKLOG_PACKETS + 1


def test_nobody_starts_where_nothing_has_come_for_a_while() -> None:
    ring = RtpRing()
    assert ring.start_index(0) is None
    ring.add(packets(1), 0)
    ring.add(packets(2), 10, is_keyframe=True)
    ring.add(packets(1), 20)
    assert ring.start_index(20 + LIVE_US) == 1
    assert ring.start_index(21 + LIVE_US) is None
    ring.add(packets(1), 2 * LIVE_US)
    assert ring.start_index(2 * LIVE_US) == 1
    ring.end()
    assert ring.start_index(2 * LIVE_US) is None
