"""A reader that gets a channel's packets in order."""

from tests.support.senders import FRAME_US, SECOND_US, START_US, Sender
from tests.support.srt_datagrams import PARAMETERS

from headrace.fanout.ring import FIRST_CAPACITY_PACKETS, BacklogLimit
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.channel_tap import MAX_POLL_PACKETS, POLL_AGAIN_US, ChannelTap, TapPiece
from headrace.hub.producer import Claim

LATENCY_US = PARAMETERS.receive_latency_us


def make_channel(backlog_us: int = 10_000_000) -> Channel:
    return Channel("A", SubscriberTable(), BacklogLimit(backlog_us))


def contents(pieces: list[TapPiece]) -> list[bytes]:
    return [payload for piece in pieces for payload in piece.payloads]


def test_it_begins_with_the_newest_keyframe_and_gives_each_packet_once() -> None:
    channel = make_channel()
    sender = Sender(channel, frames=10).join()
    sender.frames(10, START_US)
    before = len(sender.sent)
    sender.frames(3, START_US + 10 * FRAME_US)
    tap = ChannelTap(channel, START_US + 13 * FRAME_US)
    assert tap.poll(START_US + 13 * FRAME_US) == [TapPiece(sender.sent[before:], is_gap=False)]
    assert not tap.is_waiting
    assert tap.poll(START_US + 13 * FRAME_US) == []
    sender.frames(1, START_US + 13 * FRAME_US)
    assert tap.is_waiting
    assert contents(tap.poll(START_US + 13 * FRAME_US)) == sender.sent[-2:]
    assert (tap.missed_packets, tap.skips, tap.poll_timer()) == (0, 0, None)


def test_what_overtakes_a_missing_packet_waits_for_it_and_both_come_in_order() -> None:
    channel = make_channel()
    sender = Sender(channel).join()
    tap = ChannelTap(channel, START_US)
    sender.send([b"0"], START_US, first=0)
    sender.send([b"2", b"3"], START_US, first=2)
    assert contents(tap.poll(START_US)) == [b"0"]
    assert tap.poll(START_US + LATENCY_US - 1) == []
    sender.send([b"1"], START_US, first=1)
    assert tap.poll(START_US + LATENCY_US - 1) == [TapPiece([b"1", b"2", b"3"], is_gap=False)]


def test_as_much_as_is_given_out_at_once_leaves_nothing_to_come_back_for() -> None:
    channel = make_channel()
    sender = Sender(channel).join()
    tap = ChannelTap(channel, START_US)
    sender.send([b"x"] * MAX_POLL_PACKETS, START_US, first=0)
    assert len(contents(tap.poll(START_US))) == MAX_POLL_PACKETS
    assert tap.poll_timer() is None
    sender.send([b"x"] * (MAX_POLL_PACKETS + 1), START_US, first=MAX_POLL_PACKETS)
    assert len(contents(tap.poll(START_US))) == MAX_POLL_PACKETS
    assert tap.poll_timer() == START_US + POLL_AGAIN_US


def test_a_missing_packet_is_given_up_after_the_producer_s_latency_and_not_before() -> None:
    channel = make_channel()
    sender = Sender(channel).join()
    # A subscriber with more patience has the channel wait longer, which is not the tap's affair.
    channel.succession.allow_latency(8 * LATENCY_US)
    tap = ChannelTap(channel, START_US)
    sender.send([b"0"], START_US, first=0)
    sender.send([b"2"], START_US + 7, first=2)
    assert contents(tap.poll(START_US)) == [b"0"]
    assert tap.poll_timer() == START_US + 7 + LATENCY_US
    assert tap.poll(START_US + 7 + LATENCY_US - 1) == []
    assert tap.poll(START_US + 7 + LATENCY_US) == [TapPiece([b"2"], is_gap=True)]
    assert tap.missed_packets == 1
    sender.send([b"3"], START_US + 9, first=3)
    assert tap.poll(START_US + LATENCY_US + 9) == [TapPiece([b"3"], is_gap=False)]


def test_several_gaps_cut_what_is_given_up_together_into_pieces() -> None:
    channel = make_channel()
    sender = Sender(channel).join()
    tap = ChannelTap(channel, START_US)
    for index in (0, 2, 3, 5):
        sender.send([b"%d" % index], START_US, first=index)
    assert tap.poll(START_US + LATENCY_US) == [
        TapPiece([b"0"], is_gap=False),
        TapPiece([b"2", b"3"], is_gap=True),
        TapPiece([b"5"], is_gap=True),
    ]


def test_what_a_producer_that_is_gone_left_missing_is_waited_for_no_more() -> None:
    channel = make_channel()
    sender = Sender(channel).join()
    tap = ChannelTap(channel, START_US)
    sender.send([b"1"], START_US, first=1)
    assert tap.poll(START_US) == []
    channel.succession.leave(sender.producer)
    assert tap.poll(START_US) == [TapPiece([b"1"], is_gap=True)]


def test_the_next_producer_s_packets_follow_those_of_the_one_before() -> None:
    channel = make_channel()
    first = Sender(channel).join()
    first.frames(5, START_US)
    tap = ChannelTap(channel, START_US)
    tap.poll(START_US + 5 * FRAME_US)
    channel.succession.leave(first.producer)
    second = Sender(channel, Claim.PRODUCE, seed=2).join(START_US + SECOND_US)
    second.frames(5, START_US + SECOND_US)
    pieces = tap.poll(START_US + 2 * SECOND_US)
    assert [piece.is_gap for piece in pieces] == [False]
    # What marks the place, and then the second one's.
    assert len(contents(pieces)) == len(second.sent) + 1
    assert tap.missed_packets == 0


def test_a_backlog_comes_in_pieces_and_the_ring_may_grow_meanwhile() -> None:
    channel = make_channel()
    sender = Sender(channel, frames=10_000).join()
    tap = ChannelTap(channel, START_US)
    for number in range(MAX_POLL_PACKETS):
        sender.frames(1, START_US + 5_000 * number)
    assert channel.ring.capacity_packets > FIRST_CAPACITY_PACKETS
    given: list[bytes] = []
    now_us = START_US + 5_000 * MAX_POLL_PACKETS
    while tap.is_waiting:
        pieces = tap.poll(now_us)
        assert 0 < len(contents(pieces)) <= MAX_POLL_PACKETS
        given += contents(pieces)
        assert tap.poll_timer() in {None, now_us + POLL_AGAIN_US}
        now_us += POLL_AGAIN_US
    assert given == sender.sent
    assert (tap.skips, tap.missed_packets) == (0, 0)
    tap.poll(now_us)
    assert tap.poll_timer() is None


def test_one_that_is_too_slow_goes_on_with_the_newest_keyframe() -> None:
    channel = make_channel()
    sender = Sender(channel, frames=400).join()
    tap = ChannelTap(channel, START_US)
    sender.frames(400, START_US)
    before = len(sender.sent)
    sender.frames(2, START_US + 400 * FRAME_US)
    assert before > MAX_POLL_PACKETS
    assert tap.poll(START_US + 402 * FRAME_US) == [TapPiece(sender.sent[before:], is_gap=True)]
    assert (tap.skips, tap.missed_packets) == (1, before)


def test_one_whose_place_the_ring_has_lost_goes_on_with_what_there_is() -> None:
    channel = make_channel(0)
    sender = Sender(channel, frames=100_000).join()
    tap = ChannelTap(channel, START_US)
    # Further apart than packets are kept, so that their slots are used again.
    for number in range(FIRST_CAPACITY_PACKETS + 50):
        sender.send([b"%d" % number], START_US + 5 * SECOND_US * number)
    pieces = tap.poll(START_US + 5 * SECOND_US * 400)
    assert contents(pieces) == sender.sent[-FIRST_CAPACITY_PACKETS:]
    assert [piece.is_gap for piece in pieces] == [True]
    assert (tap.skips, tap.missed_packets) == (1, 50)


def test_without_a_keyframe_it_begins_with_the_next_packet() -> None:
    channel = make_channel(0)
    sender = Sender(channel).join()
    sender.frames(3, START_US)
    tap = ChannelTap(channel, START_US + 3 * FRAME_US)
    assert tap.poll(START_US + 3 * FRAME_US) == []
    sender.send([b"next"], START_US + 3 * FRAME_US)
    assert contents(tap.poll(START_US + 3 * FRAME_US)) == [b"next"]
