"""What subscribers get, packet by packet: resends, drop requests, ACKACKs, probes, the backlog."""

import pytest
import structlog
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import MS, SECOND, World
from tests.support.groups import Groups, pictures
from tests.support.mute import DATA, Mute, is_marked, release, seqnos, withhold
from tests.support.srt_datagrams import kind_of, words

from headrace.base.seqno import add_seqno
from headrace.endpoints.line_window import MAX_LINES_PER_WINDOW, WINDOW_US
from headrace.endpoints.patience import ALERT_US, ALERT_WAIT_US, HASTE_US, HASTY_WAIT_US, LATENCY_SHARE
from headrace.endpoints.subscriber_links import SWEEP_INTERVAL_US, SWEEP_SLACK_US
from headrace.endpoints.tail_probes import MAX_TAIL_PROBES, TAIL_PROBE_US
from headrace.fanout.acknowledgements import ACKACK_INTERVAL_US, EAGER_ACKACKS
from headrace.fanout.resends import MAX_REPORT_WORDS_PER_SWEEP, MAX_RESENDS_PER_REPORT_PACKETS, OWN_DELAY_US
from headrace.fanout.ring import FIRST_CAPACITY_PACKETS
from headrace.srt.connection import KEEPALIVE_US
from headrace.srt.packet import ControlType

GATHERED_US = 10 * MS
"""By then an acknowledgement has been seen to."""


def test_a_loss_report_is_answered_at_once_with_the_packets_marked_as_sent_again() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 6)
    original = subscriber.take(DATA)
    first = subscriber.first_seqno
    report = words(first, 0x8000_0000 | add_seqno(first, 2), add_seqno(first, 3))
    resent = subscriber.say(ControlType.NAK, report)
    assert seqnos(resent) == [add_seqno(first, n) for n in (0, 2, 3)]
    assert all(is_marked(datagram) for datagram in resent)
    assert [d[8:] for d in resent] == [original[n][8:] for n in (0, 2, 3)]
    assert [d[4:8] for d in resent] != [original[n][4:8] for n in (0, 2, 3)]


def test_a_packet_is_sent_again_once_within_a_round_trip_and_again_after_it() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 3)
    subscriber.acknowledge(0, 1)  # its round trip is 20 ms, and varies by 500 us
    world.run(GATHERED_US)
    report = words(subscriber.first_seqno)
    assert len(subscriber.say(ControlType.NAK, report)) == 1
    world.run(19 * MS)
    assert subscriber.say(ControlType.NAK, report) == []
    world.run(1 * MS)
    assert len(subscriber.say(ControlType.NAK, report)) == 1


def test_what_came_late_is_not_sent_twice_for_a_report_that_was_on_its_way() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    subscriber.acknowledge(0, 1)  # its round trip is 20 ms, and varies by 500 us
    kept = withhold(producer, 1)
    world.send(producer, 3, interval_us=0)
    world.run(GATHERED_US)
    release(world, producer, kept)
    report = words(add_seqno(subscriber.first_seqno, 1))
    assert subscriber.say(ControlType.NAK, report) == []
    world.run(OWN_DELAY_US + 21 * MS)
    assert subscriber.say(ControlType.NAK, report) == []
    world.run(1 * MS)
    assert len(subscriber.say(ControlType.NAK, report)) == 1


def test_a_report_is_answered_up_to_a_limit_of_packets() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, MAX_RESENDS_PER_REPORT_PACKETS + 20, interval_us=MS)
    first = subscriber.first_seqno
    report = words(0x8000_0000 | first, add_seqno(first, MAX_RESENDS_PER_REPORT_PACKETS + 10))
    assert len(subscriber.say(ControlType.NAK, report)) == MAX_RESENDS_PER_REPORT_PACKETS


def test_what_is_gone_from_the_ring_gets_a_drop_request() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    # Slots are used again after four seconds.
    for _ in range(2):
        world.send(producer, FIRST_CAPACITY_PACKETS // 2 + 10, interval_us=20 * MS)
        subscriber.say(ControlType.KEEPALIVE, bytes(4))
    world.run(SECOND)
    first = subscriber.first_seqno
    answers = subscriber.say(ControlType.NAK, words(0x8000_0000 | first, add_seqno(first, 5)))
    assert [kind_of(answer) for answer in answers] == [ControlType.DROP_REQUEST]
    assert answers[0][16:24] == words(first, add_seqno(first, 5))


def test_what_the_producers_hop_still_waits_for_is_neither_sent_nor_given_up() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    withhold(producer, 1)
    world.send(producer, 3, interval_us=0)
    world.run(20 * MS)
    missing = words(add_seqno(subscriber.first_seqno, 1))
    assert subscriber.say(ControlType.NAK, missing) == []
    # After the latency of that hop, 120 ms, it will not come any more.
    world.run(200 * MS)
    assert [kind_of(d) for d in subscriber.say(ControlType.NAK, missing)] == [ControlType.DROP_REQUEST]


@pytest.mark.parametrize("number", [-1, 3, 1000, 1 << 29])
def test_packets_that_a_subscriber_never_got_are_not_sent_again(number: int) -> None:
    world = World()
    producer = world.join("publish:A")
    world.send(producer, 5)
    subscriber = Mute(world)
    world.send(producer, 3)
    assert subscriber.say(ControlType.NAK, words(add_seqno(subscriber.first_seqno, number))) == []


def test_the_first_acks_are_all_answered_and_later_ones_eight_times_a_second() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 1)
    for number in range(1, EAGER_ACKACKS + 1):
        subscriber.acknowledge(0, number)
        world.run(GATHERED_US)
    answers = subscriber.take(ControlType.ACKACK)
    assert [answer[4:8] for answer in answers] == [words(number) for number in range(1, EAGER_ACKACKS + 1)]
    for number in range(100, 300):
        subscriber.acknowledge(0, number)
        world.run(10 * MS)
    answers = subscriber.take(ControlType.ACKACK)
    assert len(answers) == pytest.approx(2 * SECOND / ACKACK_INTERVAL_US, abs=2)


def test_an_ackack_is_stamped_on_the_subscribers_data_clock() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.run(5 * SECOND - 600 * MS)
    world.send(producer, 1, interval_us=0)
    world.run(0)
    (packet,) = subscriber.take(DATA)
    subscriber.acknowledge(1, 1)
    world.run(GATHERED_US)
    (answer,) = subscriber.take(ControlType.ACKACK)
    data_us, ackack_us = (int.from_bytes(datagram[8:12], "big") for datagram in (packet, answer))
    assert 0 <= ackack_us - data_us <= GATHERED_US


def test_a_light_ack_is_not_answered() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 1)
    subscriber.say(ControlType.ACK, words(subscriber.first_seqno))
    world.run(GATHERED_US)
    assert subscriber.take(ControlType.ACKACK) == []
    assert world.ignored == {}


def test_a_silent_channel_gets_a_keepalive_a_second_and_a_flowing_one_none() -> None:
    world = World()
    subscriber = Mute(world)
    for _ in range(4):
        world.run(SECOND + 60 * MS)
        subscriber.say(ControlType.KEEPALIVE, bytes(4))
    times = subscriber.take(ControlType.KEEPALIVE)
    assert len(times) == 4
    producer = world.join("publish:A")
    for _ in range(30):
        subscriber.say(ControlType.KEEPALIVE, bytes(4))
        world.send(producer, 1, interval_us=100 * MS)
    assert subscriber.take(ControlType.KEEPALIVE) == []


def test_keepalives_of_either_side_hold_a_waiting_subscription_open() -> None:
    world = World()
    subscriber = world.join("A")
    world.run(60 * SECOND)
    assert subscriber.connection.close_reason is None
    assert world.endpoint.table.count == 1
    assert KEEPALIVE_US + SWEEP_INTERVAL_US < 5 * SECOND


def test_a_lost_last_packet_is_sent_again_until_it_is_acknowledged() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 3, interval_us=0)
    world.run(TAIL_PROBE_US // 2)
    newest = subscriber.take(DATA)[-1]
    subscriber.acknowledge(2, 1)
    world.run(SWEEP_INTERVAL_US + 30 * MS)
    (probe,) = subscriber.take(DATA)
    assert seqnos([probe]) == seqnos([newest])
    assert is_marked(probe)
    subscriber.acknowledge(3, 2)
    world.run(2 * SECOND)
    assert subscriber.take(DATA) == []


def test_a_tail_that_nobody_acknowledges_is_probed_a_few_times_only() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 3)
    subscriber.take(DATA)
    world.run(4 * SECOND)
    assert len(subscriber.take(DATA)) == MAX_TAIL_PROBES


def test_one_that_comes_and_goes_in_a_loop_does_not_fill_the_log_and_is_told_of_after_it_has_left() -> None:
    world, times = World(), 5 * MAX_LINES_PER_WINDOW
    with structlog.testing.capture_logs() as lines:
        for _ in range(times):
            Mute(world).say(ControlType.SHUTDOWN, bytes(4))
        world.run(WINDOW_US + SECOND)
    for what, left_out in (
        ("connected", times - MAX_LINES_PER_WINDOW),
        ("gone", {"peer_shutdown": times - MAX_LINES_PER_WINDOW}),
    ):
        assert len([line for line in lines if line["event"] == f"subscriber {what}"]) == MAX_LINES_PER_WINDOW
        told = [line["left_out"] for line in lines if line["event"] == f"more subscribers {what}"]
        assert told == [left_out]
    assert world.endpoint.poll_timer() is None


@pytest.mark.parametrize(
    ("kind", "reason"), [(ControlType.SHUTDOWN, "peer_shutdown"), (ControlType.PEER_ERROR, "peer_error")]
)
def test_a_subscriber_that_says_goodbye_gets_nothing_more(kind: ControlType, reason: str) -> None:
    world = World()
    producer, leaving, staying = world.join("publish:A"), Mute(world), Mute(world)
    with structlog.testing.capture_logs() as lines:
        leaving.say(kind, bytes(4))
    world.send(producer, 3)
    assert leaving.take(DATA) == []
    assert len(staying.take(DATA)) == 3
    assert [line["reason"] for line in lines if line["event"] == "subscriber gone"] == [reason]


def test_a_row_used_again_belongs_to_its_new_subscriber_alone() -> None:
    world = World()
    producer, old = world.join("publish:A"), Mute(world)
    world.send(producer, 3)
    old.say(ControlType.SHUTDOWN, bytes(4))
    new = Mute(world)
    assert world.endpoint.table.count == 1
    assert new.parameters.peer_socket_id != old.parameters.peer_socket_id
    assert old.say(ControlType.NAK, words(old.first_seqno)) == []
    assert old.say(ControlType.SHUTDOWN, bytes(4)) == []
    world.send(producer, 1)
    assert len(new.take(DATA)) == 1
    assert world.ignored == {"unknown_connection": 2}


def test_a_subscriber_that_reports_losses_without_end_is_heard_a_little_each_time() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 400, interval_us=MS)
    world.run(SECOND)
    subscriber.take(DATA)
    report = words(*(add_seqno(subscriber.first_seqno, number) for number in range(364)))
    answered = [len(subscriber.say(ControlType.NAK, report)) for _ in range(10)]
    assert answered[0] == MAX_RESENDS_PER_REPORT_PACKETS
    assert world.ignored == {"too_many_loss_reports": 10 - MAX_REPORT_WORDS_PER_SWEEP // 364}
    world.run(2 * SWEEP_INTERVAL_US)
    assert len(subscriber.say(ControlType.NAK, report)) == MAX_RESENDS_PER_REPORT_PACKETS


def stream(world: World, producer: CallerPort, groups: Groups, frames: int) -> list[bytes]:
    """Send pictures 10 ms apart; return their payloads."""
    sent: list[bytes] = []
    for _ in range(frames):
        for made in groups.next_frame():
            sent.append(made)
            producer.send(made, world.now_us)
        world.run(10 * MS)
    return sent


def payloads(datagrams: list[bytes]) -> list[bytes]:
    """Return the payloads of those that are not marked as sent again: the end of a silent channel is."""
    return [datagram[16:] for datagram in datagrams if not is_marked(datagram)]


def test_a_new_subscriber_gets_the_group_of_pictures_so_far_and_then_what_comes() -> None:
    world, groups = World(), Groups(20, payloads=2, keyframe_payloads=10)
    producer = world.join("publish:A")
    stream(world, producer, groups, 20)
    sent = stream(world, producer, groups, 5)
    with structlog.testing.capture_logs() as lines:
        subscriber = Mute(world)
    sent += stream(world, producer, groups, 20)
    got = subscriber.take(DATA)
    assert payloads(got) == sent
    assert seqnos(got) == [add_seqno(subscriber.first_seqno, number) for number in range(len(sent))]
    assert not any(is_marked(datagram) for datagram in got)
    (line,) = (line for line in lines if line["event"] == "subscriber connected")
    assert (line["start"], line["backlog_packets"]) == ("keyframe", 18)
    assert world.channel("A").keyframe_starts == 1


def test_a_backlog_goes_through_the_wrap_of_sequence_numbers() -> None:
    world, groups = World(), Groups(100)
    producer = world.join("publish:A")
    sent = stream(world, producer, groups, 20)
    subscriber = Mute(world)
    world.run(SECOND)
    got = subscriber.take(DATA)
    assert payloads(got) == sent
    assert subscriber.first_seqno > seqnos(got)[-1] == len(sent) - 1 - ((1 << 31) - subscriber.first_seqno)


def test_without_a_keyframe_a_subscriber_starts_live_and_the_log_says_so() -> None:
    world = World()
    producer = world.join("publish:A")
    world.send(producer, 5)
    with structlog.testing.capture_logs() as lines:
        subscriber = Mute(world)
    sent = world.send(producer, 3)
    assert payloads(subscriber.take(DATA)) == sent
    (line,) = (line for line in lines if line["event"] == "subscriber connected")
    assert (line["start"], line["backlog_packets"]) == ("live", 0)
    assert world.channel("A").live_starts == 1


def behind(*, missing: int, gather_us: int = 0) -> tuple[World, CallerPort, Mute, list[bytes], list[bytes]]:
    """Return a subscriber that has got the first 64 of 120 packets, and what the producer's hop lost of them."""
    world, groups = World(gather_us=gather_us), Groups(100, payloads=5, keyframe_payloads=20)
    producer = world.join("publish:A")
    kept = withhold(producer, missing)
    sent = stream(world, producer, groups, 21)
    subscriber = Mute(world)
    world.run(2 * MS)
    return world, producer, subscriber, sent, kept


def test_what_comes_late_and_a_subscriber_has_passed_while_it_catches_up_is_sent_to_it_at_once() -> None:
    world, producer, subscriber, sent, kept = behind(missing=30)
    assert payloads(subscriber.take(DATA)) == sent[:30] + sent[31:64]
    release(world, producer, kept)
    (late,) = subscriber.take(DATA)
    assert late[16:] == sent[30]
    assert seqnos([late]) == [add_seqno(subscriber.first_seqno, 30)]
    world.run(SECOND)
    assert payloads(subscriber.take(DATA)) == sent[64:]


@pytest.mark.parametrize("number", [64, 100])
def test_what_comes_late_and_a_subscriber_has_not_yet_reached_is_sent_in_its_turn(number: int) -> None:
    world, producer, subscriber, sent, kept = behind(missing=number)
    assert payloads(subscriber.take(DATA)) == sent[:64]
    release(world, producer, kept)
    assert subscriber.take(DATA) == []
    world.run(SECOND)
    assert payloads(subscriber.take(DATA)) == sent[64:]


def test_what_comes_late_and_is_older_than_its_start_is_not_for_a_subscriber_that_catches_up() -> None:
    world, groups = World(), Groups(10, payloads=5, keyframe_payloads=20)
    producer = world.join("publish:A")
    kept = withhold(producer, 15)
    stream(world, producer, groups, 10)
    sent = stream(world, producer, groups, 10)
    subscriber = Mute(world)
    world.run(2 * MS)
    release(world, producer, kept)
    world.run(SECOND)
    assert payloads(subscriber.take(DATA)) == sent


def test_a_keyframe_that_comes_late_is_where_the_next_subscriber_starts() -> None:
    world, groups = World(), Groups(10, payloads=2, keyframe_payloads=4)
    producer = world.join("publish:A")
    first = stream(world, producer, groups, 10)
    kept = withhold(producer, 0)
    second = stream(world, producer, groups, 4)
    before = Mute(world)
    world.run(SECOND)
    assert payloads(before.take(DATA)) == first + second[1:]
    release(world, producer, kept)
    after = Mute(world)
    world.run(SECOND)
    assert payloads(before.take(DATA)) == second[:1]
    assert payloads(after.take(DATA)) == second


def test_a_packet_of_the_backlog_that_will_never_come_gets_a_drop_request() -> None:
    _, _, subscriber, _, _ = behind(missing=30)
    missing = words(add_seqno(subscriber.first_seqno, 30))
    assert [kind_of(datagram) for datagram in subscriber.say(ControlType.NAK, missing)] == [
        ControlType.DROP_REQUEST
    ]


def test_a_loss_report_is_answered_while_a_subscriber_catches_up() -> None:
    world, _, subscriber, sent, _ = behind(missing=1000)
    original = subscriber.take(DATA)
    first = subscriber.first_seqno
    ask_for_more = words(0x8000_0000 | add_seqno(first, 62), add_seqno(first, 70))
    resent = subscriber.say(ControlType.NAK, ask_for_more)
    assert [datagram[16:] for datagram in resent] == sent[62:64]
    assert all(is_marked(datagram) for datagram in resent)
    # Not earlier than the first time: it would be due before what is missing before it.
    assert [d[8:12] for d in resent] == [d[8:12] for d in original[62:64]]
    world.run(SECOND)
    (again,) = subscriber.say(ControlType.NAK, words(first))
    assert again[8:12] >= original[0][8:12]
    assert payloads(subscriber.take(DATA)) == sent[64:]


@pytest.mark.parametrize("how", ["shutdown", "timeout"])
def test_a_subscriber_that_goes_while_it_catches_up_leaves_nothing_behind(how: str) -> None:
    world, producer, subscriber, _, _ = behind(missing=1000, gather_us=MS)
    assert len(world.channel("A").subscribers.behind_rows) == 1
    if how == "shutdown":
        subscriber.say(ControlType.SHUTDOWN, bytes(4))
        world.run(2 * MS)
    else:
        # It acknowledges nothing, and a producer that goes on keeps it behind for long.
        groups, end_us = Groups(1000, payloads=64), world.now_us + 6 * SECOND
        while world.endpoint.table.count and world.now_us < end_us:
            stream(world, producer, groups, 1)
    assert world.endpoint.table.count == 0
    assert len(world.channel("A").subscribers) == 0
    subscriber.take(DATA)
    stream(world, producer, Groups(), 3)
    assert subscriber.take(DATA) == []


def test_a_channel_stays_while_somebody_catches_up_and_gets_all_of_a_producer_that_is_gone() -> None:
    world, producer, subscriber, sent, _ = behind(missing=1000)
    producer.connection.close(world.now_us)
    world.run(MS)
    assert world.channel("A").producer is None
    world.run(SECOND)
    assert payloads(subscriber.take(DATA))[: len(sent)] == sent
    subscriber.say(ControlType.SHUTDOWN, bytes(4))
    assert world.endpoint.hub.channels == {}


def test_a_subscriber_that_catches_up_goes_on_with_the_next_producer() -> None:
    world, producer, subscriber, sent, _ = behind(missing=1000)
    producer.connection.close(world.now_us)
    world.run(MS)
    successor = world.join("publish:A")
    sent += stream(world, successor, Groups(seed=2), 10)
    world.run(SECOND)
    assert pictures(payloads(subscriber.take(DATA))) == pictures(sent)


def test_nobody_starts_with_the_pictures_of_a_producer_that_is_gone() -> None:
    world, producer, _, _, _ = behind(missing=1000)
    producer.connection.close(world.now_us)
    world.run(MS)
    subscriber = Mute(world)
    sent = stream(world, world.join("publish:A"), Groups(seed=2), 3)
    assert pictures(payloads(subscriber.take(DATA))) == pictures(sent)


def test_the_lost_end_of_a_backlog_is_sent_again_although_the_channel_has_long_been_silent() -> None:
    world, groups = World(), Groups(100)
    producer = world.join("publish:A")
    sent = stream(world, producer, groups, 5)
    world.run(4 * SECOND)
    subscriber = Mute(world)
    world.run(5 * MS)
    got = subscriber.take(DATA)
    assert payloads(got) == sent
    subscriber.acknowledge(len(sent) - 1, 1)
    world.run(TAIL_PROBE_US + SWEEP_INTERVAL_US + SWEEP_SLACK_US)
    (probe,) = subscriber.take(DATA)
    assert is_marked(probe)
    assert seqnos([probe]) == seqnos(got[-1:])


def test_who_is_behind_is_not_probed_for_an_end_that_it_has_not_been_sent() -> None:
    world, _, subscriber, _, _ = behind(missing=1000)
    subscriber.take(DATA)
    world.run(TAIL_PROBE_US + SWEEP_INTERVAL_US + SWEEP_SLACK_US)
    assert len(world.channel("A").subscribers.behind_rows) == 1
    assert subscriber.take(DATA) == []


def test_acknowledgements_bring_the_rest_of_the_backlog() -> None:
    world, _, subscriber, sent, _ = behind(missing=1000)
    got = payloads(subscriber.take(DATA))
    for number in range(1, 40):
        subscriber.acknowledge(len(got), number)
        world.run(20 * MS)
        got += payloads(subscriber.take(DATA))
    assert got[: len(sent)] == sent
    assert len(world.channel("A").subscribers.behind_rows) == 0


def wait_us(world: World) -> int | None:
    return world.endpoint.wait_us(world.now_us)


def test_what_subscribers_send_may_wait_until_somebody_reports_a_loss() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 3)
    assert wait_us(world) == HASTY_WAIT_US  # somebody has just come
    world.run(HASTE_US)
    usual_us = subscriber.parameters.receive_latency_us // LATENCY_SHARE
    assert wait_us(world) == usual_us
    subscriber.say(ControlType.NAK, words(subscriber.first_seqno))
    assert wait_us(world) == ALERT_WAIT_US
    world.run(ALERT_US)
    assert wait_us(world) == usual_us


def test_what_subscribers_send_waits_less_while_one_of_them_catches_up_and_for_nothing_when_all_are_gone() -> None:
    world, _, subscriber, _, _ = behind(missing=1000)
    patience = world.endpoint._subscribers.patience
    assert patience.wait_us(world.now_us + ALERT_US) != ALERT_WAIT_US
    assert world.endpoint.wait_us(world.now_us + ALERT_US) == ALERT_WAIT_US
    world.run(SECOND)
    assert world.endpoint.wait_us(world.now_us + ALERT_US) == patience.wait_us(world.now_us + ALERT_US)
    subscriber.say(ControlType.SHUTDOWN, bytes(4))
    world.run(2 * SWEEP_INTERVAL_US)
    assert world.endpoint.wait_us(world.now_us + ALERT_US) is None


def test_the_table_is_looked_over_with_a_batch_that_comes_when_it_is_time() -> None:
    world = World()
    world.join("publish:A")
    subscriber = Mute(world)
    world.run(SECOND)
    due_us = world.endpoint.poll_timer()
    assert due_us is not None
    world.run(due_us - SWEEP_SLACK_US - world.now_us)
    subscriber.say(ControlType.KEEPALIVE, bytes(4))
    assert world.endpoint._subscribers.poll_timer() == world.now_us + SWEEP_INTERVAL_US + SWEEP_SLACK_US
