"""Scenario ``encryption``: what sealing adds to the send path, with own keys for all or with one for everybody.

Everything is done as the broker does it with what has come: headers, the sealing, one socket. Clear packets,
packets sealed for each subscriber with its own key, and packets sealed once for all take turns, for as long each,
on one core. In each round everything is sealed anew, as every packet of a stream is. The sinks are those of the
scenario ``send``.
"""

from contextlib import ExitStack, closing
from enum import Enum
from statistics import median
from typing import Final

import numpy as np

from headrace.bench.c_programs import Targets
from headrace.bench.limits import on_one_core
from headrace.bench.results import Baseline, Figure, Goal, Series
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.scenarios.send_path import (
    PACKETS,
    PAYLOAD_BYTES,
    RING_PACKETS,
    flood_for,
    open_sinks,
    subscribe,
)
from headrace.endpoints.outlet import Outlet
from headrace.fanout.burst import make_bursts
from headrace.fanout.own_keys import Sealing
from headrace.fanout.sealing import SealingKey
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.session_keys import Parity

COUNTS: Final = (10, 100, 1000)
TURN_SECONDS: Final = 0.8
QUICK_TURN_SECONDS: Final = 0.2
SHARED_GOAL: Final = 0.9
"""Of the clear rate, at a thousand subscribers: one sealing for a thousand packets that are sent."""

_OFFSET: Final = 77
_PLOT: Final = "Sending one packet, encrypted and in clear"


class Way(Enum):
    """How packets are sealed."""

    CLEAR = "in clear"
    OWN_128 = "own keys, AES-128"
    OWN_256 = "own keys, AES-256"
    SHARED = "one key for all, AES-128"


class EncryptedSender:
    """Sends bursts as the broker does, from a channel's ring that is full already.

    Args:
        targets: Each is a subscriber.
        way: How they get their packets.

    Attributes:
        outlet: What it sends through.
    """

    def __init__(self, targets: Targets, way: Way) -> None:
        table = SubscriberTable()
        self._udp = UdpSocket.bind("127.0.0.1", 0)
        self._channel = Channel("BENCH", table)
        self.outlet = Outlet(table, self._udp)
        self._group = subscribe(table, targets)
        ring = self._channel.ring
        for index in range(RING_PACKETS):
            ring.put(index, np.full(PAYLOAD_BYTES, index & 0xFF, np.uint8), 1_000 * index)
        rows = self._group.columns.rows
        if way is Way.SHARED:
            table.rows["sealing"][rows] = Sealing.SHARED
            table.rows["seqno_offset"][rows] = _OFFSET
            key = SealingKey(bytes(16), bytes(16))
            self.outlet.shared[self._channel] = SharedSeal(ring, _OFFSET, key, Parity.EVEN)
        elif way is not Way.CLEAR:
            key_bytes = 16 if way is Way.OWN_128 else 32
            for row in rows.tolist():
                key = SealingKey(row.to_bytes(key_bytes, "big"), row.to_bytes(16, "little"))
                self.outlet.keys.use(row, key, Parity.EVEN)
        self._group.refresh()
        self._bursts = list(np.arange(RING_PACKETS).reshape(-1, PACKETS))

    def send_all(self) -> int:
        """Send the whole ring once, sealed anew; return how many datagrams the kernel accepted."""
        for shared in self.outlet.shared.values():
            shared.unseal(Parity.EVEN)
        sent = 0
        for indices in self._bursts:
            for burst in make_bursts(self._channel.ring, indices, self._group):
                sent += self.outlet.send_burst(self._channel, burst)
        return sent

    def rate(self, seconds: float) -> float:
        """Send as fast as possible; return packets per second of processor time."""
        done = flood_for(seconds, self.send_all)
        return done.datagrams / done.processor_seconds

    def close(self) -> None:
        """Close the socket."""
        self._udp.close()


def measure_encryption(plan: Plan, progress: Progress) -> Finding:
    """Measure all numbers of subscribers.

    Raises:
        ScenarioSkipped: The system does not allow as many sockets.
    """
    rates: dict[int, dict[Way, list[float]]] = {}
    with on_one_core():
        for count in COUNTS:
            progress(f"{count} subscribers")
            rates[count] = _measure(plan, count)
    figures = [_figure(count, way, of_count) for count, of_count in rates.items() for way in Way]
    return Finding(tuple(figure for figure in figures if figure is not None), _series(rates))


def _measure(plan: Plan, count: int) -> dict[Way, list[float]]:
    seconds = QUICK_TURN_SECONDS if plan.is_quick else TURN_SECONDS
    with ExitStack() as stack:
        targets = open_sinks(stack, count)
        senders = {way: stack.enter_context(closing(EncryptedSender(targets, way))) for way in Way}
        for sender in senders.values():
            sender.send_all()
        found: dict[Way, list[float]] = {way: [] for way in Way}
        for run in range(plan.runs):
            # Who goes first changes, so that a machine that becomes slower favours nobody.
            for way in list(Way) if run % 2 == 0 else reversed(Way):
                found[way].append(senders[way].rate(seconds))
    return found


def _figure(count: int, way: Way, rates: dict[Way, list[float]]) -> Figure | None:
    if way is Way.CLEAR:
        return None
    is_goal = way is Way.SHARED and count == COUNTS[-1]
    return Figure(
        name=f"packets a second to {count:,} subscribers, {way.value}",
        unit="packets/s",
        values=tuple(rates[way]),
        baseline=Baseline(Way.CLEAR.value, tuple(rates[Way.CLEAR])),
        goal=Goal(SHARED_GOAL, at_least=True, of_ratio=True) if is_goal else None,
    )


def _series(rates: dict[int, dict[Way, list[float]]]) -> tuple[Series, ...]:
    counts = tuple(float(count) for count in rates)
    return tuple(
        Series(
            _PLOT,
            way.value,
            "subscribers",
            "microseconds a packet",
            counts,
            tuple(1e6 / median(of_count[way]) for of_count in rates.values()),
        )
        for way in Way
    )


SCENARIO: Final = Scenario(
    name="encryption",
    title="packets a second encrypted, with keys of their own and with one key for all, beside clear ones",
    fixed_seconds=5,
    seconds_a_run=len(Way) * TURN_SECONDS * len(COUNTS),
    measure=measure_encryption,
)
