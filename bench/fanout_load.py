"""A broker in a process of its own, one producer of 2.5 Mbit/s and hundreds of subscribers that speak real SRT.

The producer sends 30 frames a second, each as a burst of 8 packets. Every subscriber has to get every packet.
The broker's processor time is read from ``/proc`` over several windows while everything flows. One more
subscriber, the probe, sits beside the producer and measures how long a packet takes through the broker.

Source: proc(5); the load is the one that the project's goal names.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from bench.broker_process import BrokerProcess
from bench.light_subscribers import LightReport
from bench.srt_peer import SrtPeer

from headrace.netio.clock import now_us
from headrace.srt.caller import CallerOptions

CHANNEL_ID: Final = "LOAD"
PAYLOAD_BYTES: Final = 1316
PACKETS_PER_FRAME: Final = 8
FRAMES_PER_SECOND: Final = 30
BITS_PER_SECOND: Final = 8 * PAYLOAD_BYTES * PACKETS_PER_FRAME * FRAMES_PER_SECOND
WARM_UP_SECONDS: Final = 2.0
GOAL_OF_CORE: Final = 0.25

_STAMP_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How a run is to be.

    Attributes:
        subscribers: How many light ones.
        windows: Readings of the broker's processor time.
        window_seconds: Length of each.
    """

    subscribers: int = 300
    windows: int = 5
    window_seconds: float = 4.0


@dataclass(frozen=True, slots=True)
class FanoutLoad:
    """What one run showed.

    Attributes:
        subscribers: How many.
        sent_packets: By the producer.
        complete_subscribers: How many got every packet.
        recovered_packets: Of all subscribers: passed over first, but came.
        acks_per_second: Of one subscriber.
        ackacks_per_second: Of one subscriber.
        core_shares: The broker's processor time over real time, of each window.
        rss_bytes: The broker's resident memory at the end.
        delays_us: From the producer's send to the probe's receive, of the first packet of each frame.
        subscribers_core_share: What the light subscribers themselves took.
        fast_paths: What the broker said it had found.
    """

    subscribers: int
    sent_packets: int
    complete_subscribers: int
    recovered_packets: int
    acks_per_second: float
    ackacks_per_second: float
    core_shares: list[float]
    rss_bytes: int
    delays_us: list[int]
    subscribers_core_share: float
    fast_paths: str


class _Producer:
    """Sends frames on time and receives them as the probe, in one loop."""

    def __init__(self, producer: SrtPeer, probe: SrtPeer) -> None:
        self._producer = producer
        self._probe = probe
        self._start_us = now_us()
        self._frames = 0
        self._heard: set[int] = set()
        self.delays_us: list[int] = []
        self.sent_packets = 0

    def run_for(self, seconds: float) -> None:
        """Send what is due in the next ``seconds``."""
        end_us = now_us() + int(1e6 * seconds)
        while now_us() < end_us:
            due_us = self._start_us + self._frames * 1_000_000 // FRAMES_PER_SECOND
            if now_us() >= due_us:
                self._send_frame()
            else:
                self._wait(min(due_us, end_us))

    def _send_frame(self) -> None:
        self._frames += 1
        for _ in range(PACKETS_PER_FRAME):
            stamp = now_us().to_bytes(_STAMP_BYTES, "big")
            self._producer.connection.send(stamp.ljust(PAYLOAD_BYTES, b"."), now_us())
            self.sent_packets += 1
        self._producer.flush()

    def _wait(self, until_us: int) -> None:
        self._producer.turn(now_us())
        if self._probe.turn(min(until_us, now_us() + 2_000)):
            for delivery in self._probe.connection.poll_deliveries(1 << 62):
                self._note(delivery.packet_index, int.from_bytes(delivery.payload[:_STAMP_BYTES], "big"))

    def _note(self, packet_index: int, sent_us: int) -> None:
        index = packet_index - self._probe.connection.parameters.receive_seqno
        if index % PACKETS_PER_FRAME == 0:
            self.delays_us.append(now_us() - sent_us)


def measure_fanout_load(port: int, scratch: Path, plan: LoadPlan) -> FanoutLoad:
    """Run the load once.

    Args:
        port: A free UDP port.
        scratch: A folder for the broker's log.
        plan: How it is to be.

    Raises:
        RuntimeError: The subscribers could not connect.
        HeadraceError: Nor could the probe.
    """
    broker = BrokerProcess(port, scratch / "broker.log")
    try:
        with SrtPeer("127.0.0.1", port, CallerOptions(stream_id=CHANNEL_ID)) as probe:
            # First in the broker's table, so that the others' packets are no part of its delays.
            probe.connect()
            light = _start_subscribers(port, plan.subscribers)
            try:
                return _measure(broker, light, probe, port, plan)
            finally:
                if light.poll() is None:
                    light.kill()
                light.communicate()
    finally:
        broker.stop()


def _start_subscribers(port: int, subscribers: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.light_subscribers", "--port", str(port), "--count", str(subscribers)]
    light = subprocess.Popen(
        [*command, "--stream-id", CHANNEL_ID],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if light.stdout is None or light.stdout.readline() != "connected\n":
        light.kill()
        light.wait()
        raise RuntimeError("the light subscribers could not connect to the broker")
    return light


def _measure(
    broker: BrokerProcess, light: "subprocess.Popen[str]", probe: SrtPeer, port: int, plan: LoadPlan
) -> FanoutLoad:
    with SrtPeer("127.0.0.1", port, CallerOptions(stream_id=f"publish:{CHANNEL_ID}")) as peer:
        peer.connect()
        producer = _Producer(peer, probe)
        producer.run_for(WARM_UP_SECONDS)
        producer.delays_us.clear()
        core_shares = []
        for _ in range(plan.windows):
            started_us, spent_seconds = now_us(), broker.processor_seconds
            producer.run_for(plan.window_seconds)
            elapsed_seconds = (now_us() - started_us) / 1e6
            core_shares.append((broker.processor_seconds - spent_seconds) / elapsed_seconds)
        rss_bytes = broker.rss_bytes
        output, _ = light.communicate("stop\n", timeout=30)
    report = LightReport(**json.loads(output))
    flowing_seconds = report.flowing_us / 1e6
    return FanoutLoad(
        subscribers=plan.subscribers,
        sent_packets=producer.sent_packets,
        complete_subscribers=sum(count == producer.sent_packets for count in report.received_packets),
        recovered_packets=report.recovered_packets,
        acks_per_second=report.acks_sent_packets / plan.subscribers / flowing_seconds,
        ackacks_per_second=report.ackacks_received_packets / plan.subscribers / flowing_seconds,
        core_shares=core_shares,
        rss_bytes=rss_bytes,
        delays_us=producer.delays_us,
        subscribers_core_share=report.processor_us / 1e6 / flowing_seconds,
        fast_paths=broker.fast_paths,
    )


def print_fanout_load(load: FanoutLoad) -> None:
    """Print what a run showed, and the facts about this machine."""
    low, middle, high = (100 * f(load.core_shares) for f in (min, statistics.median, max))
    delays_ms = np.percentile(load.delays_us, [50, 90, 99]) / 1000
    print(f"{load.subscribers} subscribers on one channel of {BITS_PER_SECOND / 1e6:.2f} Mbit/s, loopback")
    print(f"{platform.platform()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, numpy {np.__version__}; {load.fast_paths}")
    print(
        f"packets: {load.sent_packets} sent, {load.complete_subscribers} of {load.subscribers} subscribers got "
        f"every one, {load.recovered_packets} of all were sent again"
    )
    print(f"of each subscriber: {load.acks_per_second:.1f} ACKs a second, {load.ackacks_per_second:.1f} ACKACKs")
    print(
        f"broker: {low:.1f} / {middle:.1f} / {high:.1f} % of one core (min / median / max of "
        f"{len(load.core_shares)} windows; goal: below {100 * GOAL_OF_CORE:.0f} %), "
        f"{load.rss_bytes / 2**20:.0f} MiB resident"
    )
    print("from producer to probe: {:.2f} / {:.2f} / {:.2f} ms (median / 90 % / 99 %)".format(*delays_ms))
    print(f"the light subscribers themselves: {100 * load.subscribers_core_share:.0f} % of one core")
