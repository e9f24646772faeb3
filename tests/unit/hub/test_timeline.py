"""How one producer's packets continue its channel's."""

from headrace.hub.timeline import MAX_STEP_PACKETS, Timeline


def make_timeline(producer_index: int = 100, channel_index: int = 1000) -> Timeline:
    return Timeline(producer_index=producer_index, channel_index=channel_index)


def test_the_first_packet_continues_the_channel_and_gaps_stay_gaps() -> None:
    timeline = make_timeline()
    assert timeline.place(100) == 1000
    assert timeline.place(103) == 1003
    assert timeline.place(101) == 1001


def test_a_packet_from_before_the_first_has_no_place() -> None:
    assert make_timeline().place(99) is None


def test_a_step_at_the_limit_is_a_gap() -> None:
    timeline = make_timeline()
    timeline.place(100)
    assert timeline.place(100 + MAX_STEP_PACKETS) == 1000 + MAX_STEP_PACKETS


def test_a_step_past_the_limit_leaves_no_gap_and_what_was_skipped_has_no_place_any_more() -> None:
    timeline = make_timeline()
    timeline.place(100)
    after = 100 + MAX_STEP_PACKETS + 1
    assert timeline.place(after) == 1001
    assert timeline.place(after - 1) is None
    assert timeline.place(after + 2) == 1003


def test_packets_that_are_moved_continue_elsewhere_and_older_ones_have_no_place() -> None:
    timeline = make_timeline()
    timeline.place(100)
    timeline.place(107)
    timeline.move(1005, 5000)
    assert timeline.place(105) == 5000
    assert timeline.place(108) == 5003
    assert timeline.place(104) is None
    assert timeline.channel_index(110) == 5005


def test_a_run_is_placed_as_its_packets_are() -> None:
    together, one_by_one = make_timeline(), make_timeline()
    for first, packets in (
        (100, 3),
        (103, 5),
        (104, 2),
        (120, 2),
        (122 + MAX_STEP_PACKETS, 4),
        (126 + MAX_STEP_PACKETS, 1),
    ):
        assert together.place_run(first, packets) == one_by_one.place(first)
        for index in range(first, first + packets):
            one_by_one.place(index)
        assert together._newest_index == one_by_one._newest_index
    assert together.place(122) == one_by_one.place(122)
