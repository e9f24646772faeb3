"""What an endpoint is doing, as plain values for people and programs, made in pieces so that no packet waits.

Source: ``docs/reference/statistics.md``, "a running broker", has every key with its kind and unit.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.channel_watch import ChannelWatch, ChannelWatches
from headrace.endpoints.event_log import Event
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.fanout.own_keys import Sealing
from headrace.fanout.ring import EMPTY, Ring
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.producer import Producer

SUBSCRIBERS_PER_PIECE: Final = 50
"""Made and written as JSON in about half a millisecond."""
CHANNELS_PER_PIECE: Final = 4
EVENTS_PER_PIECE: Final = 50

Facts: TypeAlias = dict[str, Any]


class Piece(NamedTuple):
    """Some items of one of the lists of a snapshot.

    Attributes:
        name: Which list.
        items: What comes next in it; may be nothing.
    """

    name: Literal["channels", "subscribers", "events"]
    items: list[Facts]


class Sessions(Protocol):
    """Knows of the sessions of browsers: `headrace.endpoints.rtc_snapshot.RtcSnapshot`."""

    def channel_facts(self, channel_id: str) -> Facts:
        """Return what is known of a channel because browsers watch it."""

    def session_facts(self, channel_id: str, now_us: int) -> list[Facts]:
        """Return who watches a channel."""

    def broker_facts(self) -> Facts:
        """Return what is said of all of them."""


def snapshot_pieces(
    endpoint: SrtEndpoint,
    watches: ChannelWatches,
    now_us: Callable[[], int],
    *,
    subscribers_of: str | None,
    sessions: Sessions | None = None,
) -> Iterator[Piece]:
    """Return the lists of a snapshot one after another, each in pieces of at most about a millisecond.

    Between two pieces packets may be handled: each piece is of its own moment.

    Args:
        endpoint: Is looked at.
        watches: What was seen of its channels before.
        now_us: Tells the time, which goes on between two pieces.
        subscribers_of: Id of the channel whose subscribers are wanted; ``*`` for all, None for none.
        sessions: Knows of those of browsers; None where there are none.
    """
    channels = list(endpoint.hub.channels.values())
    for at in range(0, len(channels), CHANNELS_PER_PIECE):
        some = channels[at : at + CHANNELS_PER_PIECE]
        items = [channel_facts(one, watches.of(one), endpoint.table, now_us()) for one in some]
        for channel, facts in zip(some, items, strict=True):
            facts["sessions"] = {"count": 0}
            if sessions is not None:
                facts.update(sessions.channel_facts(channel.channel_id))
        yield Piece("channels", items)
    wanted = [one for one in channels if subscribers_of in {"*", one.channel_id}]
    for channel in wanted:
        for items in _subscribers(endpoint.table, channel, now_us):
            yield Piece("subscribers", items)
        if sessions is not None:
            yield Piece("subscribers", sessions.session_facts(channel.channel_id, now_us()))
    events = endpoint.events.newest
    for at in range(0, len(events), EVENTS_PER_PIECE):
        yield Piece("events", [event_facts(event) for event in events[at : at + EVENTS_PER_PIECE]])


def channel_facts(channel: Channel, watch: ChannelWatch, table: SubscriberTable, now_us: int) -> Facts:
    """Return one channel with its producer, and its subscribers in sum."""
    producer, group = channel.producer, _group_facts(channel, table)
    since_us = channel.lineup.heard_us or None
    if producer is not None:
        since_us = producer.connection.parameters.established_us
    return {
        "id": channel.channel_id,
        "state": "waiting" if producer is None else "live",
        "state_seconds": None if since_us is None else _seconds(now_us - since_us),
        "keyframe_interval_ms": None if watch.keyframe_interval_us is None else watch.keyframe_interval_us // 1000,
        "continuity_errors": watch.continuity_errors,
        "keyframe_starts": channel.keyframe_starts,
        "live_starts": channel.live_starts,
        "ring": _ring_facts(channel.ring),
        "switches": dict(channel.succession.switches),
        "producer": None
        if producer is None
        else producer_facts(producer, channel.ring, watch.received.bps, now_us),
        "standbys": [producer_facts(one.producer, one.ring, None, now_us) for one in channel.lineup.standbys],
        "received": channel.lineup.received.sums(),
        "sent": _sent_facts(channel, group),
        "subscribers": group,
    }


def _ring_facts(ring: Ring) -> Facts:
    held = ring.indices != EMPTY
    times_us = ring.times_us[held]
    return {
        "held_packets": len(times_us),
        "held_bytes": int(ring.lengths[held].sum()),
        "held_ms": int(np.ptp(times_us)) // 1000 if len(times_us) else 0,
        "memory_bytes": ring.store.nbytes,
    }


def _group_facts(channel: Channel, table: SubscriberTable) -> Facts:
    behind_rows = channel.subscribers.behind_rows
    rows = np.concatenate([channel.subscribers.columns.rows, behind_rows])
    names = ("sent_packets", "sent_payload_bytes", "resent_packets", "naks_packets")
    sums = {name: int(table.rows[name][rows].sum()) for name in names}
    return {
        "count": len(rows),
        "catching_up": len(behind_rows),
        "own_keys": int(np.count_nonzero(table.rows["sealing"][rows] == Sealing.OWN)),
        "shared_key": int(np.count_nonzero(table.rows["sealing"][rows] == Sealing.SHARED)),
        **sums,
        "rtt_max_ms": _ms(table.rows["rtt_us"][rows].max(initial=0)),
    }


def _sent_facts(channel: Channel, group: Facts) -> Facts:
    """Return what was sent since the channel began: to those of ``group``, who have left it, and over taps."""
    gone, elsewhere = asdict(channel.subscribers.gone), asdict(channel.sent_by_taps)
    return {name: group[name] + gone[name] + elsewhere[name] for name in gone}


def producer_facts(producer: Producer, ring: Ring, received_bps: int | None, now_us: int) -> Facts:
    """Return one producer, whose packets are in ``ring``; its statistics have the names that they have there."""
    connection = producer.connection
    received = connection.statistics.receiver
    return {
        "socket_id": f"{connection.parameters.socket_id:08x}",
        "address": producer.whereabouts,
        "claim": producer.claim.name.lower(),
        "connected_seconds": _seconds(now_us - connection.parameters.established_us),
        "silent_ms": (now_us - connection.heard_us) // 1000,
        "rtt_ms": _ms(connection.receiver.round_trip.rtt_us),
        "latency_ms": connection.receiver.clock.latency_us // 1000,
        "buffer_packets": connection.receiver.buffered_packets,
        "buffer_ms": _buffer_ms(producer, ring),
        "received_bps": received_bps,
        "received_packets": received.received_packets,
        "received_payload_bytes": received.received_payload_bytes,
        "lost_packets": received.lost_packets,
        "recovered_packets": received.recovered_packets,
        "dropped_packets": received.dropped_packets,
        "belated_packets": received.belated_packets,
        "duplicate_packets": received.duplicate_packets,
        "naks_sent_packets": received.naks_sent_packets,
    }


def _buffer_ms(producer: Producer, ring: Ring) -> int:
    """Return the time between the oldest and the newest packet that the producer's receiver has not let go."""
    begin = producer.timeline.channel_index(producer.connection.receiver.delivery_index)
    waiting = ring.held(np.arange(max(begin, ring.next_index - ring.capacity_packets), ring.next_index))
    return int(np.ptp(ring.times_us[ring.slots(waiting)])) // 1000 if len(waiting) else 0


def _subscribers(table: SubscriberTable, channel: Channel, now_us: Callable[[], int]) -> Iterator[list[Facts]]:
    behind_rows = channel.subscribers.behind_rows
    rows = np.concatenate([channel.subscribers.columns.rows, behind_rows])
    socket_ids = table.rows["socket_id"][rows]
    for at in range(0, len(rows), SUBSCRIBERS_PER_PIECE):
        some = rows[at : at + SUBSCRIBERS_PER_PIECE]
        # Meanwhile a row may be free, or another subscriber's.
        same = some[table.rows["socket_id"][some] == socket_ids[at : at + SUBSCRIBERS_PER_PIECE]]
        yield subscriber_facts(table, channel, same, now_us())


def subscriber_facts(table: SubscriberTable, channel: Channel, rows: Rows, now_us: int) -> list[Facts]:
    """Return the subscribers of ``channel`` in ``rows``, in their order."""
    entries = table.rows[rows]
    behind = set(channel.subscribers.behind_rows.tolist())
    columns = (
        [f"{socket_id:08x}" for socket_id in entries["socket_id"].tolist()],
        [format_sockaddr(bytes(address)) for address in entries["address"]],
        ["catching_up" if row in behind else "current" for row in rows.tolist()],
        [_KEY_NAMES[sealing] for sealing in entries["sealing"].tolist()],
        (np.round((now_us - entries["connected_us"]) / 1e6, 1)).tolist(),
        ((now_us - entries["heard_us"]) // 1000).tolist(),
        np.round(entries["rtt_us"] / 1e3, 1).tolist(),
        (entries["latency_us"] // 1000).tolist(),
        entries["available_packets"].tolist(),
        (entries["next_index"] - entries["acked_index"]).tolist(),
        entries["sent_packets"].tolist(),
        entries["sent_payload_bytes"].tolist(),
        entries["resent_packets"].tolist(),
        entries["naks_packets"].tolist(),
    )
    return [
        {"channel": channel.channel_id, **dict(zip(_SUBSCRIBER_KEYS, values, strict=True))}
        for values in zip(*columns, strict=True)
    ]


_KEY_NAMES: Final = {Sealing.CLEAR: None, Sealing.OWN: "own", Sealing.SHARED: "shared"}
_SUBSCRIBER_KEYS: Final = (
    "socket_id", "address", "state", "key", "connected_seconds", "silent_ms", "rtt_ms", "latency_ms",
    "available_packets", "unacknowledged_packets", "sent_packets", "sent_payload_bytes", "resent_packets",
    "naks_packets",
)  # fmt: skip


def event_facts(event: Event) -> Facts:
    """Return one event."""
    return {"number": event.number, "unix_ms": event.unix_us // 1000, "event": event.what, **event.facts}


def _seconds(duration_us: int) -> float:
    return round(duration_us / 1e6, 1)


def _ms(duration_us: int) -> float:
    return round(int(duration_us) / 1e3, 1)
