"""A whole broker's endpoint: producers, subscribers and strangers, in batches, while time passes."""

from random import Random
from typing import Final

import structlog
from tests.fuzz.broker_play import PEERS, BrokerPlay
from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.answers import open_answers

from headrace.base.sockaddr import SOCKADDR_BYTES
from headrace.endpoints.event_log import MAX_EVENTS, MAX_STRANGERS
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.fanout.ring import DEFAULT_MAX_PACKETS
from headrace.hub.lineup import MAX_STANDBYS

_REASONS: Final = 64
_CALLS: Final = 64
"""More handshakes than a script has room for."""


def run(script: bytes) -> int:
    """Play a script."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    try:
        reader, play = Reader(script), BrokerPlay()
        while not reader.is_over:
            play.step(reader)
        play.flush()
        check_endpoint(play.endpoint)
        play.endpoint.close(play.now_us)
        check_empty(play.endpoint)
    finally:
        structlog.reset_defaults()
    return play.handed_bytes


def check_endpoint(endpoint: SrtEndpoint) -> None:
    """See that what it keeps is what its peers make it keep, and no more."""
    table, hub, producers = endpoint.table, endpoint.hub, endpoint._producers
    used = table.used()
    assert table.count == len(used) == len(endpoint._subscribers._channels) <= PEERS * _CALLS
    assert open_answers(endpoint._listener) <= table.count + len(producers)
    assert len(hub.channels) <= table.count + len(producers)
    assert len(producers._deadlines._heap) <= 2 * len(producers) + 64
    assert len(endpoint.events.newest) <= MAX_EVENTS + MAX_STRANGERS
    assert len(endpoint.ignored_packets) <= _REASONS
    assert min(endpoint.ignored_packets.values(), default=0) >= 0
    for channel in hub.channels.values():
        rings = [channel.ring, *(standby.ring for standby in channel.lineup.standbys)]
        assert len(rings) <= MAX_STANDBYS + 1
        assert all(ring.capacity_packets <= DEFAULT_MAX_PACKETS for ring in rings)
        assert all(len(ring._loans) <= 32 for ring in rings)
        assert channel.lineup or channel.subscribers
    entries = table.rows[used]
    assert (entries["acked_index"] <= entries["next_index"]).all()
    assert (entries["start_index"] <= entries["next_index"]).all()
    assert entries["address"].shape[1:] == (SOCKADDR_BYTES,)


def check_empty(endpoint: SrtEndpoint) -> None:
    """See that nothing is left of peers that are gone."""
    assert not endpoint.hub.channels
    assert endpoint.table.count == len(endpoint._producers) == open_answers(endpoint._listener) == 0
    assert not endpoint._subscribers._channels
    assert len(endpoint._subscribers._loss_reports._memory) == 0


def seeds() -> list[bytes]:
    """Return scripts in which streams flow, are lost, taken over and left."""
    publish, watch = b"\x01\x00\x00\x01", b"\x01\x01\x01\x01"
    takeover, standby = b"\x01\x02\x03\x01", b"\x01\x03\x04\x01"
    stream, other = b"\x02\x00\x00\x14", b"\x02\x02\x05\x14"
    wait, second, long_wait = b"\x00\x00\x04", b"\x00\x00\x06", b"\x00\x00\x07"
    pause, of_standby = b"\x00\x00\x05", b"\x02\x03\x00\x14"
    gap, back = b"\x03\x00\x83\x00\x02\x00", b"\x03\x00\x7a\x01\x01\x00"
    ack = b"\x04\x01\x02\x04\x00\x4a\x05\x60\x05\x50\x05\xff\x01\x00\x01"
    nak = b"\x04\x01\x03\x03\x01\x41\x00\x45\x00\x48\x01\x00\x00"
    drop = b"\x04\x00\x07\x02\x02\x38\x02\x3e\x01\x00\x00"
    goodbye = b"\x04\x00\x05\x01\x05\x40\x01\x00\x00"
    stranger = b"\x08\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00" * 3
    moved = b"\x07\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00"
    return [
        publish + watch + stream + wait + ack + nak + wait + stream + second,
        watch + publish + stream + gap + back + nak * 3 + wait + drop + goodbye + long_wait,
        publish + watch + stream + takeover + other + wait + other + second + goodbye,
        publish + stream + standby + of_standby + pause * 3 + of_standby + watch + wait + ack + nak * 2,
        stranger + publish + stream + moved + second + stranger + moved,
        publish + watch + stream + second + b"\x06\x01\x03\x04\xff\xff\xff\xff\x02" * 6 + wait,
        b"".join(bytes([1, peer, kind, 1]) for peer in range(6) for kind in range(9)) + long_wait * 2,
        publish
        + b"".join(b"\x05\x00" + bytes([number]) * 16 + b"\x08" + bytes(8) for number in range(0, 256, 32)),
    ]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the script with a byte of it another one."""
    return make_wrong(script, random)


TARGET = Target(run, seeds, wrong, max_bytes=512, base_lines=20_000, lines_per_byte=20)
