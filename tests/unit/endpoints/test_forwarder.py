"""What leaves for whom, and in which order: cut-through, bursts for one channel and for several."""

import pytest
from tests.support.broker_world import MS, World
from tests.support.mute import DATA, Mute, is_marked, release, seqnos, withhold
from tests.support.outbox import CollectingOutbox, FullOutbox

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.base.seqno import add_seqno
from headrace.endpoints import forwarder

GATHERED_US = 10 * MS
"""By then an acknowledgement has been seen to."""


class MeasuringOutbox(CollectingOutbox):
    """One that writes down how many datagrams each burst has."""

    def __init__(self) -> None:
        super().__init__()
        self.bursts: list[int] = []

    def send_burst(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        self.bursts.append(super().send_burst(addresses, headers, store, slots, lengths))
        return self.bursts[-1]


def test_a_packet_leaves_before_a_missing_older_one_has_come_and_that_leaves_when_it_comes() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    kept = withhold(producer, 1)
    world.send(producer, 3, interval_us=0)
    world.run(0)
    first = subscriber.first_seqno
    assert seqnos(subscriber.take(DATA)) == [first, add_seqno(first, 2)]
    world.run(50 * MS)
    assert subscriber.take(DATA) == []
    release(world, producer, kept)
    late = subscriber.take(DATA)
    assert seqnos(late) == [add_seqno(first, 1)]
    assert late[0][16:] == kept[0][16:]
    assert not is_marked(late[0])


def test_a_packet_that_came_twice_is_sent_on_once() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    kept = withhold(producer, 0)
    world.send(producer, 1, interval_us=0)
    release(world, producer, kept * 3)
    assert len(subscriber.take(DATA)) == 1


def test_a_late_packet_older_than_a_subscription_is_not_sent_to_it() -> None:
    world = World()
    producer, early = world.join("publish:A"), Mute(world)
    kept = withhold(producer, 1)
    world.send(producer, 3, interval_us=0)
    world.run(0)
    late = Mute(world)
    release(world, producer, kept)
    world.send(producer, 1, interval_us=0)
    world.run(0)
    assert len(early.take(DATA)) == 4
    assert seqnos(late.take(DATA)) == [late.first_seqno]


def test_one_call_sends_a_burst_to_all_subscribers() -> None:
    world = World(gather_us=MS)
    producer = world.join("publish:A")
    for _ in range(5):
        Mute(world)
    world.port.outbox.calls.clear()
    for _ in range(4):
        producer.send(b"payload", world.now_us)
    world.run(2 * MS)
    assert world.port.outbox.calls.count("send_burst") == 1


def test_the_payload_that_a_subscriber_was_sent_is_counted() -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 3)
    sent = subscriber.take(DATA)
    (row,) = world.endpoint.table.used()
    entry = world.endpoint.table.rows[row]
    assert (entry["sent_packets"], entry["sent_payload_bytes"]) == (3, sum(len(one) - 16 for one in sent))


def test_what_several_channels_have_for_few_subscribers_leaves_with_one_call() -> None:
    outbox = CollectingOutbox()
    world = World(gather_us=GATHERED_US, outbox=outbox)
    producers = [world.join(f"publish:{name}") for name in "ABC"]
    subscribers = [Mute(world, name) for name in "ABC"]
    outbox.calls.clear()
    for _ in range(2):
        for producer in producers:
            world.send(producer, interval_us=0)
    world.run(2 * GATHERED_US)
    assert [call for call in outbox.calls if call != "send_batch"] == ["send_runs"]
    for name, subscriber in zip("ABC", subscribers, strict=True):
        assert seqnos(subscriber.take(DATA)) == [add_seqno(subscriber.first_seqno, n) for n in range(2)]
        (row,) = world.channel(name).subscribers.columns.rows
        entry = world.endpoint.table.rows[row]
        assert (entry["sent_packets"], entry["sent_payload_bytes"]) == (2, 2 * 160)
        assert (entry["next_index"], entry["sent_us"]) == (2, entry["sent_us"])


def test_what_is_for_many_leaves_for_each_channel_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "FEW_DATAGRAMS", 1)
    outbox = CollectingOutbox()
    world = World(gather_us=GATHERED_US, outbox=outbox)
    producers = [world.join(f"publish:{name}") for name in "AAB"[1:]]
    subscribers = [Mute(world, name) for name in "AAB"]
    outbox.calls.clear()
    for producer in producers:
        world.send(producer, interval_us=0)
    world.run(2 * GATHERED_US)
    assert outbox.calls.count("send_burst") == 2
    assert "send_runs" not in outbox.calls
    assert [len(subscriber.take(DATA)) for subscriber in subscribers] == [1, 1, 1]


def test_what_has_come_together_leaves_in_the_order_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "FEW_DATAGRAMS", 1)
    outbox = MeasuringOutbox()
    world = World(gather_us=GATHERED_US, outbox=outbox)
    producers = [world.join(f"publish:{name}") for name in "ABC"]
    for name in "AABBC":
        Mute(world, name)
    outbox.bursts.clear()
    for producer, packets in zip(producers, (3, 1, 1), strict=True):
        for _ in range(packets):
            world.send(producer, interval_us=0)
    world.run(2 * GATHERED_US)
    assert outbox.bursts == [1, 2, 6]


def test_where_the_socket_has_room_for_some_of_several_channels_it_is_others_each_time() -> None:
    outbox = FullOutbox()
    world = World(gather_us=GATHERED_US, outbox=outbox)
    producers = [world.join(f"publish:{name}") for name in "AB"]
    subscribers = [Mute(world, name) for name in "AABB"]
    outbox.room_datagrams = 3
    came = [0, 0, 0, 0]
    for _ in range(2):
        for producer in producers:
            world.send(producer, interval_us=0)
        world.run(2 * GATHERED_US)
        came = [total + len(s.take(DATA)) for total, s in zip(came, subscribers, strict=True)]
    assert came == [2, 2, 1, 1]
