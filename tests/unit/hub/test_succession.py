"""How one producer of a channel follows another."""

from dataclasses import replace

import numpy as np
import pytest
from tests.support.groups import VIDEO_PID, pictures
from tests.support.senders import FIRST, FRAME_US, SECOND_US, START_US, Sender
from tests.support.srt_datagrams import PARAMETERS, THERE, data
from tests.support.transport import tables

from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.producer import Claim, Producer
from headrace.hub.standby import SILENCE_US
from headrace.hub.succession import MAX_HELD_AT_ONCE_PACKETS, MAX_PATIENCE_US, MAX_PICTURE_US, STALL_US
from headrace.hub.unpacking import SLICE_PACKETS
from headrace.mpegts.continuity import ContinuityCounters
from headrace.mpegts.packet import PAT_PID, packet_pid
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.splice import unit_start
from headrace.mpegts.stream_type import StreamType
from headrace.srt.connection import Connection


def make_channel() -> Channel:
    return Channel("A", SubscriberTable())


def content(channel: Channel) -> list[bytes]:
    """Return the payloads that the channel holds, in order."""
    ring = channel.ring
    slots = ring.slots(np.array(channel.stream.new_since(0), np.int64)).tolist()
    return [ring.store[slot, : ring.lengths[slot]].tobytes() for slot in slots]


def continuity_errors(channel: Channel) -> int:
    packets = np.frombuffer(b"".join(content(channel)), np.uint8).reshape(-1, 188)
    return ContinuityCounters().feed(packets)


def causes(channel: Channel) -> list[str]:
    return [switch.cause for switch in channel.succession.poll_switches()]


def test_without_a_producer_nothing_older_than_the_newest_will_come() -> None:
    channel = make_channel()
    assert channel.succession.hopeless_index == 0
    sender = Sender(channel).join()
    sender.frames(1, START_US)
    channel.succession.leave(sender.producer)
    assert channel.succession.hopeless_index == 4


def test_a_new_producers_packets_may_all_come() -> None:
    channel = make_channel()
    Sender(channel).join()
    assert channel.succession.hopeless_index == 0


def test_what_the_producers_connection_gave_up_is_hopeless() -> None:
    channel = make_channel()
    connection = Sender(channel).join().producer.connection
    connection.handle_datagram(data(FIRST), START_US)
    connection.handle_datagram(data(FIRST + 3), START_US)
    connection.poll_deliveries(START_US + PARAMETERS.receive_latency_us - 1)
    assert channel.succession.hopeless_index == 0
    connection.poll_deliveries(START_US + PARAMETERS.receive_latency_us)
    assert channel.succession.hopeless_index == 4


def test_the_producer_is_asked_for_what_is_missing_as_long_as_the_slowest_subscriber_can_use_it() -> None:
    channel = make_channel()
    channel.succession.allow_latency(300_000)
    connection = Connection(replace(PARAMETERS, receive_latency_us=120_000))
    channel.succession.join(Producer(connection, THERE), START_US)
    assert connection.receiver.clock.latency_us == 300_000
    channel.succession.allow_latency(200_000)
    assert connection.receiver.clock.latency_us == 300_000
    channel.succession.allow_latency(60_000_000)
    assert connection.receiver.clock.latency_us == MAX_PATIENCE_US


def test_a_producers_own_latency_is_the_least() -> None:
    channel = make_channel()
    connection = Connection(replace(PARAMETERS, receive_latency_us=2_000_000))
    channel.succession.join(Producer(connection, THERE), START_US)
    channel.succession.allow_latency(300_000)
    assert connection.receiver.clock.latency_us == 2_000_000


def test_the_first_producers_packets_are_the_channels_as_they_are() -> None:
    channel = make_channel()
    sender = Sender(channel).join()
    assert sender.frames(3, START_US) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert content(channel) == sender.sent
    assert causes(channel) == ["first"]
    assert causes(channel) == []
    assert not channel.succession.needs_timer


def test_a_producer_that_comes_back_goes_on_with_its_first_keyframe_and_the_place_is_marked() -> None:
    channel = make_channel()
    first = Sender(channel).join()
    first.frames(15, START_US)
    channel.succession.leave(first.producer)
    second = Sender(channel, seed=2).join()
    second.groups.next_frame()  # so that it begins between keyframes
    assert second.frames(9, START_US + 20 * FRAME_US) == []
    fresh = second.frames(1, START_US + 30 * FRAME_US)
    begin = len(first.sent)
    assert fresh == list(range(begin, begin + 5))
    mark, *rest = content(channel)[begin:]
    assert (mark[3] & 0x30, mark[5]) == (0x20, 0x80)
    assert packet_pid(mark) == VIDEO_PID
    assert pictures(rest) == pictures(second.sent[-4:])
    assert continuity_errors(channel) == 0
    assert causes(channel) == ["first", "return"]


def test_what_is_no_transport_stream_goes_on_at_once() -> None:
    channel = make_channel()
    first = Sender(channel).join()
    first.send([b"first"], START_US)
    channel.succession.leave(first.producer)
    second = Sender(channel).join()
    assert second.send([b"second"], START_US + 100) == [1]
    assert content(channel) == [b"first", b"second"]


def test_a_takeover_waits_for_its_keyframe_and_for_the_end_of_the_picture_and_shows_every_picture_once() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.TAKE_OVER, seed=2)
    first.frames(5, START_US)
    second.join().groups.next_frame()
    for number in range(5, 14):
        assert len(first.frames(1, START_US + number * FRAME_US)) in {2, 4}
        assert second.frames(1, START_US + number * FRAME_US) == []
    assert channel.producer is first.producer
    begun, *rest = first.groups.next_frame()
    assert first.send([begun], START_US + 14 * FRAME_US) == [channel.ring.next_index - 1]
    assert second.frames(1, START_US + 14 * FRAME_US) == []  # the keyframe
    assert channel.producer is first.producer
    first.send(rest, START_US + 14 * FRAME_US)
    whole = list(first.sent)
    fresh = first.frames(1, START_US + 15 * FRAME_US)
    assert channel.producer is second.producer
    assert causes(channel) == ["first", "takeover"]
    assert len(fresh) == 1 + 4
    assert pictures(content(channel)) == pictures(whole) + pictures(second.sent[-4:])
    assert continuity_errors(channel) == 0


def test_a_takeover_does_not_wait_for_ever_for_the_end_of_the_picture() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.TAKE_OVER, seed=2).join()
    first.frames(5, START_US)
    assert channel.succession.takes_run(first.producer)
    second.frames(1, START_US)
    assert not channel.succession.takes_run(first.producer)
    assert channel.succession.handle_timer(START_US + MAX_PICTURE_US - 1) == []
    assert channel.succession.handle_timer(START_US + MAX_PICTURE_US) != []
    assert channel.producer is second.producer


def test_a_takeover_waits_no_longer_for_the_end_of_the_picture_when_its_producer_has_gone() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.TAKE_OVER, seed=2).join()
    first.frames(5, START_US)
    second.frames(1, START_US)
    channel.succession.leave(first.producer)
    assert channel.succession.handle_timer(START_US + 1) != []
    assert channel.producer is second.producer


def test_a_picture_whose_beginning_was_lost_and_comes_late_is_sent_to_its_end() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.TAKE_OVER, seed=2).join()
    first.frames(1, START_US)
    late, end = first.groups.next_frame()
    second.frames(1, START_US)
    first.send([end], START_US + 1_000, first=5)
    assert first.send([late], START_US + 2_000, first=4) == [4]
    assert channel.producer is first.producer
    first.send(first.groups.next_frame(), START_US + 3_000, first=6)
    assert channel.producer is second.producer
    assert pictures(content(channel)) == pictures([*first.sent, late, end, *second.sent])


def test_a_takeover_waits_for_the_end_of_a_picture_whose_pid_was_changed() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, seed=2)
    first.frames(1, START_US)
    channel.succession.leave(first.producer)
    second.join().send(with_other_pid(second.groups.next_frame()), START_US)
    third = Sender(channel, Claim.TAKE_OVER, seed=3).join()
    third.frames(1, START_US + FRAME_US)
    begin, end = with_other_pid(second.groups.next_frame())
    assert channel.producer is second.producer
    second.send([begin, end], START_US + FRAME_US)
    assert channel.producer is third.producer, "a picture begins"


def with_other_pid(payloads: list[bytes]) -> list[bytes]:
    """Return the payloads with the pictures on PID 0x200, and tables that say so."""
    ts = b"".join(payloads)
    new_tables = tables(streams=(ElementaryStream(StreamType.H264, 0x200),))
    if packet_pid(ts) == PAT_PID:
        ts = new_tables + ts[len(new_tables) :]
    packets = [ts[at : at + 188] for at in range(0, len(ts), 188)]
    moved = [
        one[:1] + bytes([one[1] & 0xE0 | 2]) + one[2:] if packet_pid(one) == VIDEO_PID else one for one in packets
    ]
    return [b"".join(moved[at : at + 7]) for at in range(0, len(moved), 7)]


def test_the_picture_that_is_being_sent_is_cut_where_the_next_one_begins() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.TAKE_OVER, seed=2).join()
    first.frames(1, START_US)
    second.frames(1, START_US)
    end, begin = first.groups.next_frame()[1], first.groups.next_frame()[0]
    start = unit_start(begin, VIDEO_PID)
    assert start is not None
    mixed = end[: 3 * 188] + begin[start : start + 4 * 188]
    first.send([mixed], START_US + FRAME_US)
    cut = content(channel)[4]
    assert cut[: 3 * 188] == end[: 3 * 188]
    assert {packet_pid(cut[offset:]) for offset in range(3 * 188, 7 * 188, 188)} == {0x1FFF}


def test_what_the_replaced_one_lost_is_still_taken_and_then_it_is_closed() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.TAKE_OVER, seed=2).join()
    first.frames(1, START_US)
    last = first.groups.next_frame()
    first.send(last[1:], START_US, first=5)
    second.frames(1, START_US)
    channel.succession.handle_timer(START_US + MAX_PICTURE_US)
    switched_us = START_US + MAX_PICTURE_US
    assert channel.succession.needs_timer
    assert first.send(last[:1], switched_us, first=4) == [4]
    assert first.send([last[0]], switched_us, first=6) == []
    assert channel.succession.poll_closing() == []
    channel.succession.handle_timer(switched_us + PARAMETERS.receive_latency_us - 1)
    assert channel.succession.poll_closing() == []
    channel.succession.handle_timer(switched_us + PARAMETERS.receive_latency_us)
    assert channel.succession.poll_closing() == [first.producer]
    assert not channel.succession.needs_timer
    assert channel.producer is second.producer


def test_what_is_missing_of_the_last_picture_is_still_taken_where_a_datagram_begins_with_the_next_one() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.TAKE_OVER, seed=2).join()
    first.frames(1, START_US)
    begin, end = first.groups.next_frame()
    next_begin = first.groups.next_frame()[0]
    assert unit_start(next_begin, VIDEO_PID) == 0
    first.send([begin], START_US + FRAME_US, first=4)
    second.frames(1, START_US + FRAME_US)
    assert channel.producer is first.producer
    first.send([next_begin], START_US + 2 * FRAME_US, first=6)
    assert channel.producer is second.producer
    assert first.send([end], START_US + 2 * FRAME_US, first=5) == [5]
    assert first.send([next_begin], START_US + 2 * FRAME_US, first=6) == []
    assert pictures(content(channel)) == pictures([*first.sent, begin, end, *second.sent])


def test_a_standby_goes_on_the_air_with_its_newest_keyframe_when_the_first_falls_silent() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.STAND_BY, seed=2).join()
    for number in range(25):
        first.frames(1, START_US + number * FRAME_US)
        assert second.frames(1, START_US + number * FRAME_US) == []
    silent_us = START_US + 24 * FRAME_US
    at_us = silent_us
    while channel.producer is first.producer:
        at_us += FRAME_US
        second.frames(1, at_us)
    assert SILENCE_US <= at_us - silent_us <= SILENCE_US + FRAME_US
    assert causes(channel) == ["first", "silence"]
    newest_keyframe = 3 * (4 + 9 * 2)
    assert pictures(content(channel)) == pictures(first.sent) + pictures(second.sent[newest_keyframe:])
    assert continuity_errors(channel) == 0
    assert [standby.producer for standby in channel.lineup.standbys] == [first.producer]


def test_one_that_fell_silent_and_speaks_again_stands_by() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.STAND_BY, seed=2).join()
    first.frames(5, START_US)
    second.frames(15, START_US)
    assert channel.producer is second.producer
    for number in range(15, 30):
        second.frames(1, START_US + number * FRAME_US)
        assert first.frames(1, START_US + number * FRAME_US) == []
    assert channel.producer is second.producer
    channel.succession.leave(second.producer)
    assert channel.succession.handle_timer(START_US + 30 * FRAME_US) != []
    assert channel.producer is first.producer
    assert continuity_errors(channel) == 0


def test_a_silent_standby_does_not_replace_a_silent_producer() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.STAND_BY, seed=2).join()
    first.frames(5, START_US)
    second.frames(5, START_US)
    assert channel.succession.handle_timer(START_US + 2 * SECOND_US) == []
    assert channel.producer is first.producer


def test_an_ordinary_producer_takes_over_from_a_standby_which_then_stands_by() -> None:
    channel = make_channel()
    standby = Sender(channel, Claim.STAND_BY).join()
    standby.frames(5, START_US)
    first = Sender(channel, seed=2).join()
    first.frames(1, START_US + 5 * FRAME_US)
    standby.frames(1, START_US + 5 * FRAME_US)
    assert channel.producer is first.producer
    assert [waiting.producer for waiting in channel.lineup.standbys] == [standby.producer]
    assert channel.succession.poll_closing() == []


@pytest.mark.parametrize(("frames", "is_much"), [(31, False), (32, True)])
def test_a_long_backlog_is_told_once(frames: int, is_much: bool) -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.STAND_BY, seed=2, frames=100).join()
    for number in range(frames):
        first.frames(1, START_US + number * FRAME_US)
        second.frames(1, START_US + number * FRAME_US)
    assert (len(second.sent) > MAX_HELD_AT_ONCE_PACKETS) is is_much
    channel.succession.leave(first.producer)
    channel.succession.handle_timer(START_US + frames * FRAME_US)
    assert channel.producer is second.producer
    assert channel.succession.poll_backlog() is is_much
    assert channel.succession.poll_backlog() is False


def test_a_producer_that_leaves_before_its_turn_is_forgotten() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.TAKE_OVER, seed=2).join()
    first.frames(1, START_US)
    second.frames(1, START_US)
    channel.succession.leave(second.producer)
    assert channel.succession.handle_timer(START_US + MAX_PICTURE_US) == []
    assert channel.producer is first.producer


def test_a_long_backlog_goes_on_the_air_in_slices_and_nothing_is_lost() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.STAND_BY, seed=2, frames=500).join()
    for number in range(200):
        first.frames(1, START_US + number * FRAME_US)
        second.frames(1, START_US + number * FRAME_US)
    begin = channel.ring.next_index
    channel.succession.leave(first.producer)
    at_us = START_US + 200 * FRAME_US
    assert len(channel.succession.handle_timer(at_us)) == 1 + SLICE_PACKETS
    assert channel.succession.hopeless_index <= begin + 1
    assert channel.succession.poll_backlog()
    while channel.ring.next_index < begin + 1 + len(second.sent):
        assert channel.succession.needs_timer
        assert not channel.succession.takes_run(second.producer)
        at_us += FRAME_US
        assert len(second.frames(1, at_us)) <= SLICE_PACKETS + 2
    assert not channel.succession.needs_timer
    assert channel.succession.takes_run(second.producer)
    assert not channel.succession.takes_run(first.producer)
    moved = channel.stream.payloads(range(begin + 1, channel.ring.next_index))
    assert pictures(moved) == pictures(second.sent)
    assert continuity_errors(channel) == 0


def test_one_that_leaves_while_its_backlog_is_being_moved_is_forgotten() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.STAND_BY, seed=2, frames=500).join()
    for number in range(100):
        first.frames(1, START_US + number * FRAME_US)
        second.frames(1, START_US + number * FRAME_US)
    channel.succession.leave(first.producer)
    channel.succession.handle_timer(START_US + 100 * FRAME_US)
    channel.succession.leave(second.producer)
    assert not channel.succession.needs_timer
    assert channel.succession.handle_timer(START_US + 101 * FRAME_US) == []


def test_a_standby_that_has_fallen_silent_does_not_go_on_the_air_until_it_speaks() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.STAND_BY, seed=2).join()
    for number in range(10):
        first.frames(1, START_US + number * FRAME_US)
        second.frames(1, START_US + number * FRAME_US)
    silent_us = START_US + 9 * FRAME_US
    channel.succession.leave(first.producer)
    assert channel.succession.handle_timer(silent_us + SILENCE_US) == []
    assert channel.producer is None
    assert second.frames(1, silent_us + 2 * SILENCE_US) != []
    assert channel.producer is second.producer


def test_a_broker_that_was_held_up_takes_nobody_for_silent() -> None:
    channel = make_channel()
    first, second = Sender(channel).join(), Sender(channel, Claim.STAND_BY, seed=2).join()
    for number in range(10):
        first.frames(1, START_US + number * FRAME_US)
        second.frames(1, START_US + number * FRAME_US)
    resumed_us = START_US + 9 * FRAME_US + SILENCE_US + STALL_US
    assert second.frames(1, resumed_us) == []
    assert channel.succession.handle_timer(resumed_us) == []
    assert first.frames(1, resumed_us) != []
    assert channel.producer is first.producer
    assert causes(channel) == ["first"]
