"""Which channels there are, and who may have one."""

import numpy as np
import pytest
from tests.support.groups import Groups
from tests.support.srt_datagrams import PARAMETERS, THERE, control

from headrace.fanout.ring import DEFAULT_BACKLOG, NO_BACKLOG, BacklogLimit
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.hub import Admission, Hub
from headrace.hub.lineup import MAX_STANDBYS
from headrace.hub.producer import Claim, Producer
from headrace.hub.standby import SILENCE_US
from headrace.srt.connection import Connection
from headrace.srt.packet import ControlType

NOW_US = 2_000_000
SECOND = 1_000_000


def make_hub(max_channels: int = 3) -> Hub:
    return Hub(SubscriberTable(), max_channels)


def opened(hub: Hub, channel_id: str) -> Channel:
    channel = hub.open_channel(channel_id)
    assert channel is not None
    return channel


def a_producer(claim: Claim = Claim.PRODUCE) -> Producer:
    return Producer(Connection(PARAMETERS), THERE, claim)


def admit(hub: Hub, channel_id: str = "A", *, now_us: int = NOW_US, claim: Claim = Claim.PRODUCE) -> Admission:
    return hub.admit_producer(channel_id, claim, now_us)


def with_producer(hub: Hub, channel_id: str = "A") -> tuple[Channel, Producer]:
    channel, producer = opened(hub, channel_id), a_producer()
    assert hub.add_producer(channel, producer, NOW_US) == []
    return channel, producer


def test_a_channel_is_made_once() -> None:
    hub = make_hub()
    assert opened(hub, "A") is opened(hub, "A")
    assert list(hub.channels) == ["A"]


def test_at_the_limit_an_old_channel_opens_and_a_new_one_does_not() -> None:
    hub = make_hub(2)
    first = opened(hub, "A")
    opened(hub, "B")
    assert hub.open_channel("C") is None
    assert hub.open_channel("A") is first
    assert admit(hub, "C") is Admission.FULL
    assert admit(hub) is Admission.ADMIT
    hub.release(first)
    assert admit(hub, "C") is Admission.ADMIT


def test_a_channel_without_a_producer_takes_one() -> None:
    hub = make_hub()
    assert admit(hub) is Admission.ADMIT
    opened(hub, "A")
    assert admit(hub) is Admission.ADMIT


def test_a_producer_that_answers_keeps_its_channel() -> None:
    hub = make_hub()
    _, producer = with_producer(hub)
    assert admit(hub) is Admission.WAIT
    producer.connection.handle_datagram(control(ControlType.KEEPALIVE), NOW_US + 1000)
    assert admit(hub, now_us=NOW_US + 2000) is Admission.CONFLICT


def test_a_producer_that_stays_silent_loses_its_channel() -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    assert admit(hub) is Admission.WAIT
    assert admit(hub, now_us=NOW_US + SECOND) is Admission.ADMIT
    successor = a_producer()
    assert hub.add_producer(channel, successor, NOW_US + SECOND) == [producer]
    assert channel.producer is successor


def test_the_end_of_one_that_was_replaced_changes_nothing() -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    successor = a_producer()
    hub.add_producer(channel, successor, NOW_US)
    hub.remove_producer(channel, producer)
    assert hub.channels["A"].producer is successor
    hub.remove_producer(channel, successor)
    assert hub.channels == {}


def test_one_that_ends_after_its_channel_leaves_the_next_of_that_id_alone() -> None:
    hub = make_hub()
    channel, replaced = with_producer(hub)
    channel.succession.leave(replaced)  # its connection lives on until what it lost has come
    hub.release(channel)
    successor, _ = with_producer(hub)
    assert successor is not channel
    hub.remove_producer(channel, replaced)
    assert hub.channels == {"A": successor}


@pytest.mark.parametrize("claim", [Claim.TAKE_OVER, Claim.STAND_BY])
def test_who_takes_over_or_stands_by_is_let_in_beside_a_live_producer(claim: Claim) -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    for _ in range(MAX_STANDBYS):
        assert admit(hub, claim=claim) is Admission.ADMIT
        assert hub.add_producer(channel, a_producer(claim), NOW_US) == []
    assert admit(hub, claim=claim) is Admission.FULL
    assert channel.producer is producer


def test_a_standby_on_the_air_has_to_make_room() -> None:
    hub = make_hub()
    channel = opened(hub, "A")
    standby = a_producer(Claim.STAND_BY)
    hub.add_producer(channel, standby, NOW_US)
    assert channel.producer is standby
    assert admit(hub) is Admission.ADMIT
    assert hub.add_producer(channel, a_producer(), NOW_US) == []
    assert channel.producer is standby


@pytest.mark.parametrize("is_last", [False, True])
def test_a_channel_lives_while_somebody_stands_by(is_last: bool) -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    standby = a_producer(Claim.STAND_BY)
    hub.add_producer(channel, standby, NOW_US)
    for gone in (producer, standby) if is_last else (standby,):
        hub.remove_producer(channel, gone)
    assert ("A" in hub.channels) is not is_last


@pytest.mark.parametrize("leaves_first", ["producer", "subscriber"])
def test_a_channel_lives_while_anybody_is_in_it(leaves_first: str) -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    channel.subscribers.add(0)
    if leaves_first == "producer":
        hub.remove_producer(channel, producer)
        assert hub.channels == {"A": channel}
        assert channel.producer is None
        channel.subscribers.remove(0)
        hub.release(channel)
    else:
        channel.subscribers.remove(0)
        hub.release(channel)
        assert hub.channels == {"A": channel}
        hub.remove_producer(channel, producer)
    assert hub.channels == {}
    hub.release(channel)


@pytest.mark.parametrize(("backlog", "starts_at"), [(DEFAULT_BACKLOG, 0), (NO_BACKLOG, 4)])
def test_channels_have_the_backlog_that_the_hub_was_given(backlog: BacklogLimit, starts_at: int) -> None:
    channel = opened(Hub(SubscriberTable(), backlog=backlog), "A")
    for index, payload in enumerate(Groups(keyframe_payloads=4).next_frame()):
        channel.stream.put(index, np.frombuffer(payload, np.uint8), 0)
    assert channel.start(0) == starts_at


def test_at_the_limit_a_new_standby_takes_the_place_of_the_one_that_has_been_silent_for_longest() -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    standbys = [a_producer(Claim.STAND_BY) for _ in range(MAX_STANDBYS)]
    for standby in standbys:
        hub.add_producer(channel, standby, NOW_US)
    for waiting in channel.lineup.standbys[1:]:
        waiting.heard_us = NOW_US + 1
    assert admit(hub, claim=Claim.STAND_BY, now_us=NOW_US + SILENCE_US - 1) is Admission.FULL
    later_us = NOW_US + SILENCE_US
    assert admit(hub, claim=Claim.STAND_BY, now_us=later_us) is Admission.ADMIT
    assert hub.add_producer(channel, a_producer(Claim.STAND_BY), later_us) == standbys[:1]
    assert len(channel.lineup.standbys) == MAX_STANDBYS
    assert channel.producer is producer
