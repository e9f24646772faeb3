"""Which channels there are, and who may have one."""

import numpy as np
import pytest
from tests.support.groups import Groups
from tests.support.srt_datagrams import PARAMETERS, THERE, control

from headrace.fanout.ring import DEFAULT_BACKLOG_US
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.hub import Admission, Hub
from headrace.hub.producer import Producer
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


def a_producer() -> Producer:
    return Producer(Connection(PARAMETERS), THERE, 0)


def with_producer(hub: Hub, channel_id: str = "A") -> tuple[Channel, Producer]:
    channel, producer = opened(hub, channel_id), a_producer()
    assert hub.attach_producer(channel, producer) is None
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
    assert hub.admit_producer("C", NOW_US) is Admission.FULL
    assert hub.admit_producer("A", NOW_US) is Admission.ADMIT
    hub.release(first)
    assert hub.admit_producer("C", NOW_US) is Admission.ADMIT


def test_a_channel_without_a_producer_takes_one() -> None:
    hub = make_hub()
    assert hub.admit_producer("A", NOW_US) is Admission.ADMIT
    opened(hub, "A")
    assert hub.admit_producer("A", NOW_US) is Admission.ADMIT


def test_a_producer_that_answers_keeps_its_channel() -> None:
    hub = make_hub()
    _, producer = with_producer(hub)
    assert hub.admit_producer("A", NOW_US) is Admission.WAIT
    producer.connection.handle_datagram(control(ControlType.KEEPALIVE), NOW_US + 1000)
    assert hub.admit_producer("A", NOW_US + 2000) is Admission.CONFLICT


def test_a_producer_that_stays_silent_loses_its_channel() -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    assert hub.admit_producer("A", NOW_US) is Admission.WAIT
    assert hub.admit_producer("A", NOW_US + SECOND) is Admission.ADMIT
    successor = a_producer()
    assert hub.attach_producer(channel, successor) is producer
    assert channel.producer is successor


def test_the_end_of_one_that_was_replaced_changes_nothing() -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    successor = a_producer()
    hub.attach_producer(channel, successor)
    hub.detach_producer(channel, producer)
    assert hub.channels["A"].producer is successor
    hub.detach_producer(channel, successor)
    assert hub.channels == {}


@pytest.mark.parametrize("leaves_first", ["producer", "subscriber"])
def test_a_channel_lives_while_anybody_is_in_it(leaves_first: str) -> None:
    hub = make_hub()
    channel, producer = with_producer(hub)
    channel.subscribers.add(0)
    if leaves_first == "producer":
        hub.detach_producer(channel, producer)
        assert hub.channels == {"A": channel}
        assert channel.producer is None
        channel.subscribers.remove(0)
        hub.release(channel)
    else:
        channel.subscribers.remove(0)
        hub.release(channel)
        assert hub.channels == {"A": channel}
        hub.detach_producer(channel, producer)
    assert hub.channels == {}
    hub.release(channel)


@pytest.mark.parametrize(("backlog_us", "starts_at"), [(DEFAULT_BACKLOG_US, 0), (0, 4)])
def test_channels_have_the_backlog_that_the_hub_was_given(backlog_us: int, starts_at: int) -> None:
    channel = opened(Hub(SubscriberTable(), backlog_us=backlog_us), "A")
    for index, payload in enumerate(Groups(keyframe_payloads=4).next_frame()):
        channel.put(index, np.frombuffer(payload, np.uint8), 0)
    assert channel.start(0) == starts_at
