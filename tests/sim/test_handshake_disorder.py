"""Handshake packets lost, doubled, overtaken and repeated after the end, in every combination, near and far."""

from collections.abc import Iterator
from itertools import product
from typing import TypeAlias

import pytest
from tests.simnet.link import SimLink
from tests.support.broker_world import MS, SECOND, World
from tests.support.long_runs import only_long
from tests.support.srt_datagrams import kind_of

from headrace.base.sockaddr import encode_sockaddr
from headrace.srt.handshake import HandshakeType
from headrace.srt.packet import ControlType

CALLER = encode_sockaddr("10.8.0.1", 5000)
END_US = 6 * SECOND
"""After the beginning; by then every connection has ended."""
PACKETS = 8
FATES: dict[str, tuple[int, ...]] = {
    "ok": (0,),
    "lost": (),
    "overtaken": (700 * MS,),
    "doubled, and again after the end": (0, 1 * MS, END_US),
}
"""Extra delays of each copy. A caller repeats itself after 250 ms."""
STEPS = [(sender, kind) for kind in (HandshakeType.INDUCTION, HandshakeType.CONCLUSION) for sender in ("us", "it")]
Plan: TypeAlias = dict[tuple[str, int], str]


def plans(most: int) -> Iterator[Plan]:
    """Every combination of fates of the first induction request, its answer, the conclusion and its answer.

    Args:
        most: So many of the four have another fate than to arrive.
    """
    for fates in product(FATES, repeat=len(STEPS)):
        if len(fates) - fates.count("ok") <= most:
            yield dict(zip(STEPS, fates, strict=True))


def follow(world: World, plan: Plan) -> None:
    """Let the first packet of each step of the caller's handshake have the fate that is planned for it."""
    left = dict(plan)

    def meddle(datagram: bytes, sender: bytes, receiver: bytes) -> tuple[int, ...]:
        if CALLER not in (sender, receiver) or kind_of(datagram) != ControlType.HANDSHAKE:
            return (0,)
        step = "us" if sender == CALLER else "it", int.from_bytes(datagram[36:40], "big")
        return FATES[left.pop(step, "ok")]

    world.network.meddle = meddle


def play(role: str, plan: Plan, one_way_us: int) -> str | None:
    """Connect, stream and end with one plan; return what was wrong."""
    world = World(link=SimLink(latency_us=one_way_us))
    latency_ms = 4 * one_way_us // MS + 120
    other = world.join("A" if role == "publish:A" else "publish:A", latency_ms=latency_ms)
    follow(world, plan)
    end_us = world.now_us + END_US
    caller = world.call(role, CALLER, latency_ms=latency_ms, peer_latency_ms=latency_ms)
    if not world.network.run_until_true(lambda: caller.caller.connection is not None, end_us):
        return f"no connection: {caller.caller.error}"
    producer, subscriber = (caller, other) if role == "publish:A" else (other, caller)
    sent = world.send(producer, PACKETS, 20 * MS)
    if (len(world.endpoint._producers), world.endpoint.table.count) != (1, 1):
        return "more than one connection of each"
    world.run(2 * one_way_us + latency_ms * MS)
    if subscriber.payloads != sent:
        return f"{len(subscriber.payloads)} payloads of {len(sent)}"
    caller.connection.close(world.now_us)
    other.connection.close(world.now_us)
    world.network.run_until(end_us)
    world.run(2 * SECOND)
    left = len(world.endpoint._producers), world.endpoint.table.count, len(world.endpoint.hub.channels)
    return None if left == (0, 0, 0) else f"left behind: {left}"


@pytest.mark.parametrize("role", ["publish:A", "A"])
@pytest.mark.parametrize("one_way_us", [10 * MS, 260 * MS], ids=["20 ms", "520 ms"])
@pytest.mark.parametrize("most", [2, only_long(4)])
def test_any_disorder_of_the_handshake_ends_in_one_connection_that_ends_once(
    role: str, one_way_us: int, most: int
) -> None:
    failures = {tuple(plan.values()): wrong for plan in plans(most) if (wrong := play(role, plan, one_way_us))}
    assert not failures
