"""What an endpoint says of itself."""

from typing import Any

import pytest
from tests.support.broker_world import MS, SECOND, World
from tests.support.fanout_tables import subscribe
from tests.support.groups import Groups

from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.endpoints.channel_watch import ChannelWatches
from headrace.endpoints.snapshot import CHANNELS_PER_PIECE, SUBSCRIBERS_PER_PIECE, snapshot_pieces
from headrace.srt.caller import CallerOptions


def lists(world: World, *, subscribers_of: str | None = "*") -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"channels": [], "subscribers": [], "events": []}
    pieces = snapshot_pieces(world.endpoint, ChannelWatches(), lambda: world.now_us, subscribers_of=subscribers_of)
    for name, items in pieces:
        found[name] += items
    return found


def test_an_idle_endpoint_says_nothing() -> None:
    assert lists(World()) == {"channels": [], "subscribers": [], "events": []}


def test_a_live_channel_is_described_with_its_producer_and_subscribers() -> None:
    world = World()
    producer = world.join("publish:A")
    for latency_ms in (120, 300):
        world.join("A", latency_ms=latency_ms)
    sent = world.send(producer, 20)
    world.run(SECOND)
    found = lists(world)
    (channel,) = found["channels"]
    payload_bytes = sum(map(len, sent))
    assert (channel["id"], channel["state"]) == ("A", "live")
    assert (channel["keyframe_starts"], channel["live_starts"]) == (0, 2)
    assert (channel["ring"]["held_packets"], channel["ring"]["held_bytes"]) == (20, payload_bytes)
    assert channel["ring"]["held_ms"] == 190
    assert channel["producer"]["received_packets"] == 20
    assert channel["producer"]["received_payload_bytes"] == payload_bytes
    assert (channel["producer"]["lost_packets"], channel["producer"]["buffer_ms"]) == (0, 0)
    assert channel["producer"]["latency_ms"] == 300
    assert channel["producer"]["connected_seconds"] == pytest.approx(1.2, abs=0.2)
    group = channel["subscribers"]
    assert (group["count"], group["catching_up"], group["sent_packets"]) == (2, 0, 40)
    assert group["sent_payload_bytes"] == 2 * payload_bytes
    first, second = found["subscribers"]
    assert (first["channel"], first["state"], first["sent_packets"]) == ("A", "current", 20)
    assert first["sent_payload_bytes"] == payload_bytes
    assert (first["latency_ms"], second["latency_ms"]) == (120, 300)
    assert (first["resent_packets"], first["unacknowledged_packets"]) == (0, 0)
    (row, _) = world.endpoint.table.used()
    assert int(first["socket_id"], 16) == world.endpoint.table.rows["socket_id"][row]
    assert [event["event"] for event in found["events"]] == ["producer connected", "producer on the air"]


def test_what_a_channel_has_sent_does_not_fall_when_somebody_leaves() -> None:
    world = World()
    producer = world.join("publish:A")
    world.join("A")
    leaving = world.join("A")
    payload_bytes = sum(map(len, world.send(producer, 20)))
    world.endpoint.table.rows["resent_packets"][world.endpoint.table.used()] = 3
    both = {"sent_packets": 40, "sent_payload_bytes": 2 * payload_bytes, "resent_packets": 6}
    assert lists(world)["channels"][0]["sent"] == both
    leaving.connection.close(world.now_us)
    world.run(SECOND)
    (channel,) = lists(world)["channels"]
    assert channel["sent"] == both
    assert (channel["subscribers"]["count"], channel["subscribers"]["sent_packets"]) == (1, 20)


def test_what_browsers_were_sent_is_in_what_the_channel_has_sent() -> None:
    world = World()
    producer = world.join("publish:A")
    world.join("A")
    payload_bytes = sum(map(len, world.send(producer, 20)))
    world.channel("A").sent_by_taps.add(sent_packets=300, sent_payload_bytes=1_000, resent_packets=7)
    (channel,) = lists(world)["channels"]
    assert channel["sent"] == {
        "sent_packets": 320,
        "sent_payload_bytes": payload_bytes + 1_000,
        "resent_packets": 7,
    }
    assert channel["subscribers"]["sent_packets"] == 20


def test_what_a_channel_has_received_goes_on_with_its_next_producer() -> None:
    world = World()
    world.join("A")
    first = world.join("publish:A")
    world.send(first, 20)
    assert lists(world)["channels"][0]["received"]["received_packets"] == 20
    first.connection.close(world.now_us)
    world.run(SECOND)
    (channel,) = lists(world)["channels"]
    assert (channel["producer"], channel["received"]["received_packets"]) == (None, 20)


def test_a_channel_that_waits_says_since_when_it_was_silent_if_it_ever_was_not() -> None:
    world = World()
    world.join("A")
    (channel,) = lists(world)["channels"]
    assert (channel["state"], channel["state_seconds"], channel["producer"]) == ("waiting", None, None)
    producer = world.join("publish:A")
    world.send(producer, 1)
    producer.connection.close(world.now_us)
    world.run(3 * SECOND)
    (channel,) = lists(world)["channels"]
    assert (channel["state"], channel["state_seconds"]) == ("waiting", pytest.approx(3.0, abs=0.2))


def test_what_waits_for_a_missing_packet_is_the_buffer() -> None:
    world = World()
    producer = world.join("publish:A")
    world.send(producer, 5, interval_us=10 * MS)
    (channel,) = lists(world)["channels"]
    assert (channel["producer"]["buffer_packets"], channel["producer"]["buffer_ms"]) == (5, 40)


def test_a_subscriber_that_is_behind_catches_up() -> None:
    world, groups = World(), Groups(frames=60, keyframe_payloads=200)
    producer = world.join("publish:A")
    for payload in groups.next_frame():
        producer.send(payload, world.now_us)
    world.run(0)
    world.call("A")
    world.network.run_until_true(lambda: world.endpoint.table.count == 1, world.now_us + SECOND)
    found = lists(world)
    assert [one["state"] for one in found["subscribers"]] == ["catching_up"]
    assert found["channels"][0]["subscribers"]["catching_up"] == 1


def test_it_says_whose_packets_are_sealed_with_which_key() -> None:
    rule = ChannelRule("A", passphrase="correct horse", is_encryption_enforced=False)
    world = World(directory=Directory.of(1, [rule], is_open=True))
    for passphrase, key_bytes in ((None, 16), ("correct horse", 32), ("correct horse", 32), ("correct horse", 16)):
        world.join_with(CallerOptions(stream_id="A", passphrase=passphrase, key_length_bytes=key_bytes))
    found = lists(world)
    assert [one["key"] for one in found["subscribers"]] == [None, "own", "own", "own"]
    world.run(SECOND)
    found = lists(world)
    assert [one["key"] for one in found["subscribers"]] == [None, "shared", "shared", "own"]
    group = found["channels"][0]["subscribers"]
    assert (group["count"], group["own_keys"], group["shared_key"]) == (4, 1, 2)


def test_only_the_subscribers_that_are_wanted_are_listed() -> None:
    world = World()
    for channel_id in ("A", "B", "B"):
        world.join(channel_id)
    assert [one["channel"] for one in lists(world, subscribers_of="B")["subscribers"]] == ["B", "B"]
    assert lists(world, subscribers_of=None)["subscribers"] == []
    assert lists(world, subscribers_of="C")["subscribers"] == []


def fill(world: World, channel_id: str, count: int) -> list[int]:
    channel = world.endpoint.hub.open_channel(channel_id)
    assert channel is not None
    rows = [subscribe(world.endpoint.table, number) for number in range(count)]
    for row in rows:
        channel.subscribers.add(row)
    return rows


def test_two_thousand_subscribers_come_in_pieces_each_of_a_few() -> None:
    world = World()
    fill(world, "A", 2000)
    for number in range(3 * CHANNELS_PER_PIECE):
        fill(world, f"B{number}", 1)
    pieces = list(snapshot_pieces(world.endpoint, ChannelWatches(), lambda: world.now_us, subscribers_of="A"))
    assert [len(items) for name, items in pieces if name == "subscribers"] == [SUBSCRIBERS_PER_PIECE] * 40
    assert max(len(items) for name, items in pieces if name == "channels") == CHANNELS_PER_PIECE


def test_a_subscriber_that_goes_between_two_pieces_and_one_in_its_row_are_left_out() -> None:
    world = World()
    rows = fill(world, "A", SUBSCRIBERS_PER_PIECE + 3)
    pieces = snapshot_pieces(world.endpoint, ChannelWatches(), lambda: world.now_us, subscribers_of="A")
    listed = []
    for name, items in pieces:
        if name == "subscribers":
            listed.append(len(items))
        if listed == [SUBSCRIBERS_PER_PIECE]:
            for row in rows[-2:]:
                world.endpoint.table.remove(row)
            assert subscribe(world.endpoint.table, 7_777) == rows[-1]
    assert listed == [SUBSCRIBERS_PER_PIECE, 1]


def test_who_is_heard_between_two_pieces_was_not_heard_in_the_future() -> None:
    world = World()
    rows = fill(world, "A", SUBSCRIBERS_PER_PIECE + 1)
    pieces = snapshot_pieces(world.endpoint, ChannelWatches(), lambda: world.now_us, subscribers_of="A")
    while next(pieces).name != "subscribers":
        pass
    world.run(SECOND)
    world.endpoint.table.rows["heard_us"][rows] = world.now_us
    assert [one["silent_ms"] for one in next(pieces).items] == [0]


def test_who_stands_by_is_listed_and_switches_are_counted_by_cause() -> None:
    world = World()
    producer = world.join("publish:A")
    world.send(producer, 3)
    standby = world.join("#!::r=A,m=publish,standby=1")
    world.send(standby, 5, interval_us=10 * MS)
    (channel,) = lists(world)["channels"]
    assert (channel["producer"]["claim"], channel["switches"]) == ("produce", {"first": 1})
    (waiting,) = channel["standbys"]
    assert (waiting["claim"], waiting["received_packets"], waiting["buffer_ms"]) == ("stand_by", 5, 40)
    assert waiting["received_bps"] is None
