"""Scenario ``send``: what one packet costs to send, beside a C program that does only what the kernel needs.

Ours is what the broker does with what has come: a burst out of a ring, headers for each subscriber, one socket.
The C program has all its tables and headers made beforehand. They take turns, for as long each, on one core. The
sinks are sockets with small buffers that nobody reads and without UDP_GRO, so each datagram is taken apart and
most are thrown away at the last step, as a receiver that is too slow would have it.

On the loopback interface the kernel's part includes the receiving side, which a network card would do elsewhere.
"""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import numpy as np

from headrace.base.sockaddr import encode_sockaddr
from headrace.bench.c_programs import SEGMENTED_BURSTS, SENDTO_LOOP, Flood, Targets, c_program, flood
from headrace.bench.limits import allow_open_files, on_one_core
from headrace.bench.results import Baseline, Figure, Goal, Series
from headrace.bench.scenario import Finding, Plan, Progress, Scenario, ScenarioSkipped
from headrace.fanout.burst import make_bursts
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_group import SubscriberGroup
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.netio.capabilities import SENDMMSG, Capabilities, probe_capabilities
from headrace.netio.counters import SocketCounters
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.connection import ConnectionParameters

PAYLOAD_BYTES: Final = 1316
PACKETS: Final = 8
"""A frame of 2.5 Mbit/s at 30 a second."""
RING_PACKETS: Final = 256
COUNTS: Final = (10, 30, 100, 300, 1000)
QUICK_COUNTS: Final = (10, 100, 1000)
GOALS: Final = {100: 0.85, 1000: 0.92}
TURN_SECONDS: Final = 0.8
QUICK_TURN_SECONDS: Final = 0.2

_FIRST_ADDRESS: Final = IPv4Address("127.77.0.1")
_SINK_BUFFER_BYTES: Final = 4096
_PLOT: Final = "Sending one packet, 8 to each subscriber at once"


class OwnSender:
    """Sends bursts as the broker does, from a ring that is full already.

    Args:
        targets: Each is a subscriber.
        packets: Of a burst; a divisor of `RING_PACKETS`.
        capabilities: What the socket may use.
    """

    def __init__(self, targets: Targets, packets: int, capabilities: Capabilities) -> None:
        self._udp = UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities)
        self._ring = Ring()
        for index in range(RING_PACKETS):
            self._ring.put(index, np.full(PAYLOAD_BYTES, index & 0xFF, np.uint8), 1_000 * index)
        self._group = subscribe(SubscriberTable(), targets)
        self._bursts = list(np.arange(RING_PACKETS).reshape(-1, packets))

    @property
    def counters(self) -> SocketCounters:
        """What the socket has done so far."""
        return self._udp.counters

    def send_all(self) -> int:
        """Send the whole ring once; return how many datagrams the kernel accepted."""
        sent = 0
        for indices in self._bursts:
            for burst in make_bursts(self._ring, indices, self._group):
                sent += self._udp.send_burst(
                    burst.columns.address, burst.headers, self._ring.store, burst.slots, burst.lengths
                )
        return sent

    def flood(self, seconds: float) -> Flood:
        """Send as fast as possible."""
        return flood_for(seconds, self.send_all)

    def close(self) -> None:
        """Close the socket."""
        self._udp.close()


def flood_for(seconds: float, send: Callable[[], int]) -> Flood:
    """Call ``send`` once, and again until ``seconds`` are over; it returns how many datagrams it has sent."""
    started, ran = time.perf_counter(), time.process_time()
    datagrams = send()
    while time.perf_counter() - started < seconds:
        datagrams += send()
    return Flood(datagrams, time.perf_counter() - started, time.process_time() - ran)


def subscribe(table: SubscriberTable, targets: Targets) -> SubscriberGroup:
    """Return a row of the table for each target."""
    group = SubscriberGroup(table)
    for number in range(targets.addresses):
        socket_id = table.reserve(nonce=number)
        if socket_id is None:
            raise AssertionError("the table holds as many as we have addresses")
        parameters = ConnectionParameters(
            socket_id=socket_id,
            peer_socket_id=number + 1,
            send_seqno=1_000 * number,
            receive_seqno=0,
            epoch_us=-number,
            peer_timestamp_us=0,
            established_us=0,
            receive_latency_us=120_000,
            send_latency_us=120_000,
            peer_window_packets=8192,
        )
        address = encode_sockaddr(str(targets.first_address + number), targets.port)
        group.add(table.add(parameters, address, 0))
    return group


def open_sinks(stack: ExitStack, count: int) -> Targets:
    """Open ``count`` sockets with addresses in a row and the same port, which nobody reads.

    Raises:
        ScenarioSkipped: The system allows no such addresses, or not as many sockets.
    """
    allow_open_files(count + 100)
    port = 0
    for number in range(count):
        sink = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SINK_BUFFER_BYTES)
        try:
            sink.bind((str(_FIRST_ADDRESS + number), port))
        except OSError as error:
            raise ScenarioSkipped(f"cannot open a socket at {_FIRST_ADDRESS + number}: {error}") from None
        port = sink.getsockname()[1]
    return Targets(_FIRST_ADDRESS, count, port)


def measure_send_path(plan: Plan, progress: Progress) -> Finding:
    """Measure all numbers of subscribers.

    Raises:
        ScenarioSkipped: There is no C compiler, or no segmentation here.
    """
    capabilities = probe_capabilities()
    if not capabilities.udp_segment:
        raise ScenarioSkipped("the kernel does not send with UDP_SEGMENT: Linux 4.18 or newer is needed")
    figures: list[Figure] = []
    with c_program(SEGMENTED_BURSTS) as segmented, c_program(SENDTO_LOOP) as plain, on_one_core():
        for count in QUICK_COUNTS if plan.is_quick else COUNTS:
            progress(f"{count} subscribers")
            figures.append(_compare(plan, count, capabilities, segmented, "C, UDP_SEGMENT, static headers"))
        progress("without UDP_SEGMENT")
        unsegmented = _compare(plan, COUNTS[-1], SENDMMSG, plain, "C, a loop of sendto")
    counts = tuple(float(count) for count in (QUICK_COUNTS if plan.is_quick else COUNTS))
    return Finding((*figures, unsegmented), _series(counts, figures))


def _compare(plan: Plan, count: int, capabilities: Capabilities, program: Path, name: str) -> Figure:
    seconds = QUICK_TURN_SECONDS if plan.is_quick else TURN_SECONDS
    ours, theirs = [], []
    with ExitStack() as stack:
        targets = open_sinks(stack, count)
        sender = stack.enter_context(closing(OwnSender(targets, PACKETS, capabilities)))
        sender.send_all()
        for run in range(plan.runs):
            # Who goes first changes, so that a machine that becomes slower favours nobody.
            for is_ours in (run % 2 == 0, run % 2 == 1):
                if is_ours:
                    ours.append(_rate(sender.flood(seconds)))
                else:
                    theirs.append(_rate(flood(program, targets, packets=PACKETS, seconds=seconds)))
    how = "" if capabilities.udp_segment else ", without UDP_SEGMENT"
    goal = GOALS.get(count) if capabilities.udp_segment else None
    return Figure(
        name=f"packets a second to {count:,} subscribers{how}",
        unit="packets/s",
        values=tuple(ours),
        baseline=Baseline(name, tuple(theirs)),
        goal=None if goal is None else Goal(goal, at_least=True, of_ratio=True),
    )


def _rate(flood: Flood) -> float:
    return flood.datagrams / flood.processor_seconds


def _series(counts: tuple[float, ...], figures: list[Figure]) -> tuple[Series, ...]:
    def line(name: str, rates: list[float]) -> Series:
        return Series(
            _PLOT, name, "subscribers", "microseconds a packet", counts, tuple(1e6 / rate for rate in rates)
        )

    baselines = [figure.baseline for figure in figures if figure.baseline is not None]
    return (
        line("Headrace", [figure.spread.median for figure in figures]),
        line(baselines[0].name, [sorted(one.values)[len(one.values) // 2] for one in baselines]),
    )


SCENARIO: Final = Scenario(
    name="send",
    title="packets a second of the send path alone, beside C",
    fixed_seconds=5,
    seconds_a_run=2 * TURN_SECONDS * (len(COUNTS) + 1),
    measure=measure_send_path,
)
