"""Whether a producer is still there when another one comes."""

from dataclasses import replace

import pytest
from tests.support.srt_datagrams import PARAMETERS, THERE, control

from headrace.base.sockaddr import format_sockaddr
from headrace.hub.producer import CHALLENGE_LIFETIME_US, MIN_SILENCE_US, Presence, Producer
from headrace.srt.connection import Connection
from headrace.srt.packet import ControlType

NOW_US = 2_000_000


def a_producer(rtt_us: int = 100_000) -> Producer:
    producer = Producer(Connection(PARAMETERS), THERE)
    producer.connection.receiver.round_trip.adopt(rtt_us, 0)
    return producer


def test_it_is_where_it_calls_from_unless_it_comes_by_way_of_a_client_of_ours() -> None:
    assert a_producer().whereabouts == format_sockaddr(THERE)
    assert Producer(Connection(PARAMETERS), THERE, host="192.0.2.7").whereabouts == "192.0.2.7"


def hear(producer: Producer, time_us: int) -> None:
    producer.connection.handle_datagram(control(ControlType.KEEPALIVE), time_us)


def test_the_first_challenge_knows_nothing_yet() -> None:
    assert a_producer().challenge(NOW_US) is Presence.UNKNOWN


def test_what_was_heard_before_the_challenge_proves_nothing() -> None:
    producer = a_producer()
    hear(producer, NOW_US)
    producer.challenge(NOW_US)
    assert producer.challenge(NOW_US + 1) is Presence.UNKNOWN


def test_one_that_is_heard_is_alive_and_is_challenged_anew_next_time() -> None:
    producer = a_producer()
    producer.challenge(NOW_US)
    hear(producer, NOW_US + 50_000)
    assert producer.challenge(NOW_US + 60_000) is Presence.ALIVE
    assert producer.challenge(NOW_US + 70_000) is Presence.UNKNOWN
    assert producer.challenge(NOW_US + 70_000 + MIN_SILENCE_US) is Presence.GONE


@pytest.mark.parametrize(("rtt_us", "needed_us"), [(0, MIN_SILENCE_US), (100_000, 400_000), (500_000, 1_500_000)])
def test_silence_has_to_last_three_round_trips_or_the_minimum(rtt_us: int, needed_us: int) -> None:
    producer = a_producer(rtt_us)
    producer.challenge(NOW_US)
    assert producer.challenge(NOW_US + needed_us - 1) is Presence.UNKNOWN
    assert producer.challenge(NOW_US + needed_us) is Presence.GONE


def test_a_challenge_of_long_ago_was_another_callers() -> None:
    producer = a_producer()
    producer.challenge(NOW_US)
    assert producer.challenge(NOW_US + CHALLENGE_LIFETIME_US + 1) is Presence.UNKNOWN


def test_its_first_packet_is_its_index_0() -> None:
    assert a_producer().timeline.place(PARAMETERS.receive_seqno) == 0


def test_channel_time_is_the_brokers_and_goes_on_through_the_wrap_of_the_producers_clock() -> None:
    parameters = replace(PARAMETERS, peer_timestamp_us=2**32 - 500, established_us=7_000_000)
    producer = Producer(Connection(parameters), THERE)
    assert producer.channel_time_us(2**32 - 400) == 7_000_100
    assert producer.channel_time_us(500) == 7_001_000
    assert producer.channel_time_us(2**32 - 100) == 7_000_400
