"""What one packet costs to send: bursts with UDP_SEGMENT, with sendmmsg, with plain calls, and a ``sendto`` loop.

All ways are measured in one process, in turns, so that what else the machine does falls on all of them alike.
Take the ratios, not the times. On the loopback interface the time includes the receiving side of the kernel,
which a network card would do elsewhere. The sinks are bound sockets with small buffers that nobody reads, so
most datagrams are thrown away at the last step, as a receiver that is too slow would have it.

Source: the method is that of docs of quinn-udp's throughput bench: every combination, one report.
"""

import platform
import resource
import socket
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.base.sockaddr import decode_sockaddr, encode_sockaddr
from headrace.netio.capabilities import GSO, PORTABLE, SENDMMSG, Capabilities, probe_capabilities
from headrace.netio.udp_socket import UdpSocket

HEADER_BYTES: Final = 16
PAYLOAD_BYTES: Final = 1316
PEER_COUNTS: Final = (300, 1000)
PACKET_COUNTS: Final = (1, 8)
ROUNDS: Final = 15
PACKETS_PER_ROUND: Final = 16_000
"""So many packets are sent between two readings of the clock: some ten milliseconds, far over its grain."""

_SINK_BUFFER_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class SendCost:
    """Nanoseconds a datagram for one way of sending.

    Attributes:
        way: Name of the way.
        peers: Destinations, V.
        packets: Datagrams that each destination gets in one burst, P.
        min_ns: Fastest round.
        median_ns: Median round.
        max_ns: Slowest round.
        sendto_ratio: Median of a plain ``sendto`` loop, divided by this one's: how many times faster this is.
    """

    way: str
    peers: int
    packets: int
    min_ns: float
    median_ns: float
    max_ns: float
    sendto_ratio: float


@dataclass(frozen=True, slots=True)
class _Burst:
    addresses: U8Array
    headers: U8Array
    store: U8Array
    slots: I64Array
    lengths: I64Array


def measure_send_cost(rounds: int = ROUNDS) -> list[SendCost]:
    """Measure every way for every number of peers and packets; takes some fifteen seconds.

    Args:
        rounds: Readings of each combination.
    """
    costs: list[SendCost] = []
    for peers in PEER_COUNTS:
        with ExitStack() as stack:
            addresses = _open_sinks(stack, peers)
            for packets in PACKET_COUNTS:
                costs += _measure(stack, _make_burst(addresses, packets), rounds)
    return costs


def _measure(stack: ExitStack, burst: _Burst, rounds: int) -> list[SendCost]:
    peers, packets, _ = burst.headers.shape
    repeats = max(1, PACKETS_PER_ROUND // (peers * packets))
    ways = _make_ways(stack, burst)
    readings_ns: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(rounds + 1):
        for name, send in ways.items():
            started_ns = time.perf_counter_ns()
            for _ in range(repeats):
                send()
            spent_ns = time.perf_counter_ns() - started_ns
            # The first round warms caches up.
            if round_number:
                readings_ns[name].append(spent_ns / (repeats * peers * packets))
    sendto_ns = statistics.median(readings_ns["sendto loop"])
    return [
        SendCost(name, peers, packets, min(ns), statistics.median(ns), max(ns), sendto_ns / statistics.median(ns))
        for name, ns in readings_ns.items()
    ]


def _make_ways(stack: ExitStack, burst: _Burst) -> dict[str, Callable[[], object]]:
    found = probe_capabilities()
    choices = {"gso": GSO, "sendmmsg": SENDMMSG, "portable": PORTABLE}
    if not found.udp_segment:
        del choices["gso"]
    if not found.sendmmsg:
        del choices["sendmmsg"]
    ways: dict[str, Callable[[], object]] = {
        name: _burst_way(stack, burst, capabilities) for name, capabilities in choices.items()
    }
    plain = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    plain.setblocking(False)
    ways["sendto loop"] = _sendto_way(plain, burst)
    return ways


def _burst_way(stack: ExitStack, burst: _Burst, capabilities: Capabilities) -> Callable[[], object]:
    udp = stack.enter_context(UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities))

    def send() -> None:
        sent = udp.send_burst(burst.addresses, burst.headers, burst.store, burst.slots, burst.lengths)
        if sent != burst.headers.shape[0] * burst.headers.shape[1]:
            raise RuntimeError(f"the kernel took only {sent} datagrams: {udp.counters}")

    return send


def _sendto_way(plain: socket.socket, burst: _Burst) -> Callable[[], object]:
    """Return a loop over datagrams that lie ready: no header is written, nothing is joined."""
    datagram = bytes(HEADER_BYTES + PAYLOAD_BYTES)
    targets = [decode_sockaddr(row.tobytes())[:2] for row in burst.addresses]
    packets = burst.headers.shape[1]

    def send() -> None:
        for target in targets:
            for _ in range(packets):
                plain.sendto(datagram, target)

    return send


def _make_burst(addresses: U8Array, packets: int) -> _Burst:
    random = np.random.default_rng(1)
    return _Burst(
        addresses=addresses,
        headers=random.integers(0, 256, (len(addresses), packets, HEADER_BYTES), np.uint8),
        store=random.integers(0, 256, (4096, PAYLOAD_BYTES), np.uint8),
        slots=np.arange(packets, dtype=np.int64) + 100,
        lengths=np.full(packets, PAYLOAD_BYTES, np.int64),
    )


def _open_sinks(stack: ExitStack, count: int) -> U8Array:
    _allow_open_files(count + 100)
    sinks = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)]
    for sink in sinks:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SINK_BUFFER_BYTES)
        sink.bind(("127.0.0.1", 0))
    addresses = b"".join(encode_sockaddr(*sink.getsockname()) for sink in sinks)
    return np.frombuffer(addresses, np.uint8).reshape(count, -1)


def _allow_open_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def print_send_cost(costs: list[SendCost]) -> None:
    """Print a table of costs and the facts about this machine."""
    print(f"Sending {HEADER_BYTES + PAYLOAD_BYTES}-byte datagrams, nanoseconds each, on the loopback interface")
    print(f"{platform.platform()}, Python {platform.python_version()}, numpy {np.__version__}")
    print(probe_capabilities().describe())
    print(f"{'V':>5} {'P':>2}  {'way':<12} {'min':>7} {'median':>7} {'max':>7}  against sendto")
    for cost in costs:
        times = f"{cost.min_ns:7.0f} {cost.median_ns:7.0f} {cost.max_ns:7.0f}"
        print(f"{cost.peers:5} {cost.packets:2}  {cost.way:<12} {times}  {cost.sendto_ratio:.2f} times as fast")


if __name__ == "__main__":
    print_send_cost(measure_send_cost())
