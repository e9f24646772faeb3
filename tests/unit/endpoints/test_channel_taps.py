"""Taps on an endpoint's channels, and where what they give goes."""

from tests.support.senders import FRAME_US, START_US, Sender
from tests.support.srt_datagrams import PARAMETERS

from headrace.endpoints.channel_taps import ChannelTaps
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.hub import Hub


class Sink:
    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.gaps = 0

    def __call__(self, payloads: list[bytes], is_gap: bool) -> None:
        self.payloads += payloads
        self.gaps += is_gap


def open_channel(hub: Hub, channel_id: str) -> Channel:
    channel = hub.open_channel(channel_id)
    assert channel is not None
    return channel


def test_each_sink_gets_what_its_channel_has() -> None:
    hub = Hub(SubscriberTable())
    taps = ChannelTaps(hub)
    senders = {name: Sender(open_channel(hub, name), seed=seed).join() for seed, name in enumerate("AB")}
    sinks = {name: Sink() for name in "AB"}
    for name, sink in sinks.items():
        taps.open(hub.channels[name], sink, START_US)
        senders[name].frames(3, START_US)
    taps.forward(START_US + 3 * FRAME_US)
    taps.forward(START_US + 3 * FRAME_US)
    assert [sinks[name].payloads for name in "AB"] == [senders[name].sent for name in "AB"]
    assert taps.poll_timer() is None


def test_what_is_given_up_is_told_and_the_timer_says_when() -> None:
    hub = Hub(SubscriberTable())
    taps, sink = ChannelTaps(hub), Sink()
    sender = Sender(open_channel(hub, "A")).join()
    taps.open(hub.channels["A"], sink, START_US)
    sender.send([b"1"], START_US, first=1)
    taps.forward(START_US)
    due_us = taps.poll_timer()
    assert due_us == START_US + PARAMETERS.receive_latency_us
    taps.forward(due_us)
    assert (sink.payloads, sink.gaps) == ([b"1"], 1)


def test_a_tap_keeps_its_channel_and_the_last_one_to_go_lets_it_go() -> None:
    hub = Hub(SubscriberTable())
    taps = ChannelTaps(hub)
    opened = [taps.open(open_channel(hub, "A"), Sink(), START_US) for _ in range(2)]
    channel = hub.channels["A"]
    assert channel.is_watched
    taps.close(opened[0])
    taps.close(opened[0])
    assert hub.channels == {"A": channel}
    taps.close(opened[1])
    assert hub.channels == {}
    assert not channel.is_watched
