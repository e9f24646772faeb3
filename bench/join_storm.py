"""A thousand subscribers that join one channel within a second, each with a backlog to catch up with.

The broker's endpoint runs here in a loop of its own, on a real socket; the subscribers are sockets that nobody
reads, and acknowledge everything at once. What counts is how long live packets wait behind pieces of the backlog.

Source: the goal that a burst for one delays another by a few milliseconds at most.
"""

import socket
import time
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from bench.first_frame import FRAMES_PER_SECOND, PAYLOAD_BYTES, encode_group, frames_of

from headrace.base.sockaddr import encode_sockaddr
from headrace.cli.logs import configure_logs
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.netio.capabilities import probe_capabilities
from headrace.netio.clock import now_us
from headrace.netio.entropy import random_bytes
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.connection import ConnectionParameters
from headrace.srt.listener import ListenerOptions

JOINS: Final = 1000
JOIN_SECONDS: Final = 1.0
GIVE_UP_SECONDS: Final = 30.0
FRAME_US: Final = 1_000_000 // FRAMES_PER_SECOND
PARAMETERS: Final = ConnectionParameters(
    socket_id=0,
    peer_socket_id=1,
    send_seqno=0,
    receive_seqno=0,
    epoch_us=0,
    peer_timestamp_us=0,
    established_us=0,
    receive_latency_us=120_000,
    send_latency_us=120_000,
    peer_window_packets=8192,
)


@dataclass(frozen=True, slots=True)
class JoinStorm:
    """What one run showed.

    Attributes:
        joins: How many subscribers.
        backlog_packets: That the first one had to catch up with.
        caught_up_us: From the first join until nobody was behind.
        rounds_us: How long the loop was busy with the backlog each time.
        live_waits_us: How late each live picture was forwarded.
        sent_packets: Of backlog and live pictures.
    """

    joins: int
    backlog_packets: int
    caught_up_us: int
    rounds_us: list[int]
    live_waits_us: list[int]
    sent_packets: int


class _Stage:
    def __init__(self) -> None:
        self.socket = UdpSocket.bind("127.0.0.1", 0, capabilities=probe_capabilities())
        self.endpoint = SrtEndpoint(ListenerOptions(), self.socket, random_bytes)
        channel = self.endpoint.hub.open_channel("STORM")
        if channel is None:
            raise AssertionError("an empty hub opens a channel")
        self.channel = channel
        self.links = self.endpoint._subscribers
        self._frames = frames_of(encode_group())
        self._sinks: list[socket.socket] = []

    def next_picture(self) -> list[int]:
        """Put a picture into the channel; return its packets' indices."""
        ts = next(self._frames)
        first = self.channel.ring.next_index
        for start in range(0, len(ts), PAYLOAD_BYTES):
            payload = np.frombuffer(ts[start : start + PAYLOAD_BYTES], np.uint8)
            self.channel.stream.put(self.channel.ring.next_index, payload, now_us())
        return list(range(first, self.channel.ring.next_index))

    def join(self) -> None:
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.bind(("127.0.0.1", 0))
        self._sinks.append(sink)
        socket_id = self.endpoint.table.reserve(len(self._sinks))
        if socket_id is None:
            raise AssertionError("there is room for a million")
        time_us = now_us()
        parameters = replace(PARAMETERS, socket_id=socket_id, epoch_us=time_us, established_us=time_us)
        address = encode_sockaddr("127.0.0.1", sink.getsockname()[1])
        self.links.add(parameters, address, self.channel, time_us)

    def acknowledge(self) -> None:
        rows = self.endpoint.table.rows
        rows["acked_index"] = rows["next_index"]
        rows["heard_us"] = now_us()

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()
        self.socket.close()


def measure_join_storm() -> JoinStorm:
    """Run it once; the first subscriber comes in the middle of a group of pictures."""
    configure_logs("error", json=False)
    stage = _Stage()
    try:
        return _run(stage)
    finally:
        stage.close()


def _run(stage: _Stage) -> JoinStorm:
    for _ in range(2 * FRAMES_PER_SECOND):
        stage.next_picture()
    backlog_packets = stage.channel.ring.next_index
    joins, start_us = 0, now_us()
    frame_us, end_us = start_us, start_us + int(1e6 * GIVE_UP_SECONDS)
    rounds_us: list[int] = []
    live_waits_us: list[int] = []
    while (joins < JOINS or len(stage.channel.subscribers.behind_rows)) and now_us() < end_us:
        if joins < JOINS and now_us() - start_us >= joins * JOIN_SECONDS * 1e6 / JOINS:
            stage.join()
            joins += 1
        if now_us() >= frame_us:
            live_waits_us.append(now_us() - frame_us)
            stage.links.forward([(stage.channel, stage.next_picture())], now_us())
            stage.acknowledge()
            frame_us += FRAME_US
        due_us = stage.links.poll_timer()
        if due_us is not None and due_us <= now_us():
            began_us = now_us()
            stage.links.handle_timer(began_us)
            rounds_us.append(now_us() - began_us)
            stage.acknowledge()
        time.sleep(0)
    sent = stage.socket.counters.datagrams_sent
    return JoinStorm(joins, backlog_packets, now_us() - start_us, rounds_us, live_waits_us, sent)


def print_join_storm(storm: JoinStorm) -> None:
    """Print what a run showed."""
    rounds_ms = np.percentile(storm.rounds_us, [50, 99, 100]) / 1000
    waits_ms = np.percentile(storm.live_waits_us, [50, 99, 100]) / 1000
    print(
        f"{storm.joins} subscribers join in {JOIN_SECONDS:.0f} s, {storm.backlog_packets} packets or more behind: "
        f"all have caught up {storm.caught_up_us / 1e6:.2f} s after the first came, {storm.sent_packets} packets "
        "sent"
    )
    print("a round of the backlog: {:.2f} / {:.2f} / {:.2f} ms (median / 99 % / most)".format(*rounds_ms))
    print("live pictures waited:   {:.2f} / {:.2f} / {:.2f} ms (median / 99 % / most)".format(*waits_ms))
