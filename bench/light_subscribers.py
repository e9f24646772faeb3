"""Hundreds of subscribers in one process: a real handshake each, then only what a receiver owes its sender.

After the handshake each counts its packets, checks that none is missing, acknowledges every 10 ms while data
flows and reports a gap once; it keeps no payload and delivers nothing. Commands come on standard input, results
leave as JSON on standard output; `bench.fanout_load` speaks the other side.

Source: draft-sharabayko-srt, 4.8.1, and libsrt 1.5.1 for when an acknowledgement is repeated.
"""

import argparse
import json
import resource
import select
import socket
import sys
from dataclasses import asdict, dataclass
from typing import Final, Protocol

import numpy as np

from headrace.base.datagram_batch import DatagramBatch, I64Array
from headrace.base.seqno import SEQNO_MASK, unwrap_seqno
from headrace.netio.capabilities import probe_capabilities
from headrace.netio.clock import now_us
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.connection import ConnectionParameters
from headrace.srt.packet import CONTROL_BIT, HEADER_BYTES, ControlType, encode_control, encode_loss_report

ACK_INTERVAL_US: Final = 10_000
ACK_PHASES: Final = 10
"""Real receivers tick each at its own time: a tenth of them acknowledge in each millisecond."""
ACK_REPEAT_US: Final = 10_000
"""An ACK that got no ACKACK is repeated at the next tick, as libsrt does where the round trip is short."""
KEEPALIVE_US: Final = 1_000_000
RECEIVE_BUFFER_BYTES: Final = 1 << 20
QUIET_US: Final = 500_000
CONNECT_TIMEOUT_US: Final = 20_000_000
CALLERS_AT_ONCE: Final = 50

_ACK_WORDS: Final = 11
_WIRE: Final = np.dtype(">u4")


class BatchReceiver(Protocol):
    """Reads a subscriber's socket; of each datagram the first 8 bytes are needed."""

    def receive_batch(self, batch: DatagramBatch) -> int:
        """Fill ``batch`` with what has come and return how many datagrams that are."""

    def close(self) -> None:
        """Close the socket."""


@dataclass(slots=True)
class LightSubscriber:
    """What one subscriber knows.

    Attributes:
        udp: Its socket, connected to the broker.
        receiver: Reads the same socket in bulk; may be exchanged.
        parameters: What its handshake agreed on.
        next_index: One past the newest packet that came.
        received_packets: Different data packets that came.
        missing: Packets passed over and not come since.
    """

    udp: socket.socket
    receiver: BatchReceiver
    parameters: ConnectionParameters
    next_index: int
    received_packets: int
    missing: set[int]


@dataclass(frozen=True, slots=True)
class LightReport:
    """What all subscribers saw.

    Attributes:
        received_packets: Of each subscriber.
        missing_packets: Of each subscriber, at the end.
        recovered_packets: Of all: passed over first, but came.
        acks_sent_packets: Of all.
        ackacks_received_packets: Of all.
        flowing_us: From the first data packet to the last.
        processor_us: Processor time of this process.
    """

    received_packets: list[int]
    missing_packets: list[int]
    recovered_packets: int
    acks_sent_packets: int
    ackacks_received_packets: int
    flowing_us: int
    processor_us: int


class LightSubscribers:
    """Subscribers to one channel, until told to stop.

    Args:
        host: Numeric address of the broker.
        port: Its UDP port.
        stream_id: What all of them ask for.

    Attributes:
        all: Those that are connected.
    """

    def __init__(self, host: str, port: int, stream_id: str) -> None:
        self._address = host, port
        self._options = CallerOptions(stream_id=stream_id, connect_timeout_us=CONNECT_TIMEOUT_US)
        self.all: list[LightSubscriber] = []
        self._by_descriptor: dict[int, int] = {}
        self._poll = select.epoll()
        self._batch = DatagramBatch(128)
        self._recovered = self._acks = self._ackacks = 0
        self._first_us = self._newest_us = 0
        self._phase = 0
        self._tick_us = now_us()

    def connect(self, count: int) -> None:
        """Open ``count`` connections.

        Raises:
            HeadraceError: The broker refused, or did not answer.
        """
        allow_open_files(count + 100)
        while len(self.all) < count:
            self._connect_some(min(CALLERS_AT_ONCE, count - len(self.all)))
        peers = [subscriber.parameters for subscriber in self.all]
        self._next = np.array([subscriber.next_index for subscriber in self.all], np.int64)
        self._acked = self._next.copy()
        self._settled = self._next.copy()
        self._sent_us = np.full(count, now_us(), np.int64)
        self._epoch_us = np.array([parameters.epoch_us for parameters in peers], np.int64)
        self._peer_ids = np.array([parameters.peer_socket_id for parameters in peers], np.int64)
        self._numbers = np.zeros(count, np.int64)

    def _connect_some(self, count: int) -> None:
        waiting: dict[int, tuple[socket.socket, Caller]] = {}
        random = np.random.default_rng()
        with select.epoll() as poll:
            for _ in range(count):
                udp = open_connected(self._address)
                initial_seqno, socket_id = (int(word) for word in random.integers(1, 1 << 30, 2))
                caller = Caller(self._options, socket_id=socket_id, initial_seqno=initial_seqno, now_us=now_us())
                waiting[udp.fileno()] = udp, caller
                poll.register(udp, select.EPOLLIN)
            deadline_us = now_us() + CONNECT_TIMEOUT_US
            while waiting and now_us() < deadline_us:
                for descriptor, _ in poll.poll(0.05):
                    udp, caller = waiting[descriptor]
                    receive(udp, caller)
                    if caller.connection is not None:
                        poll.unregister(descriptor)
                        del waiting[descriptor]
                        self._admit(udp, caller.connection.parameters)
                for udp, caller in waiting.values():
                    drive(udp, caller)

    def _admit(self, udp: socket.socket, parameters: ConnectionParameters) -> None:
        receiver = UdpSocket(udp, probe_capabilities())
        self._by_descriptor[udp.fileno()] = len(self.all)
        self._poll.register(udp, select.EPOLLIN)
        first = parameters.receive_seqno
        self.all.append(LightSubscriber(udp, receiver, parameters, first, 0, set()))

    def run(self) -> None:
        """Receive and acknowledge until a line comes on standard input and no data has come for a while."""
        self._poll.register(sys.stdin, select.EPOLLIN)
        is_ending = False
        while not is_ending or now_us() - self._newest_us < QUIET_US:
            if self.turn():
                self._poll.unregister(sys.stdin)
                is_ending = True

    def turn(self, wait_seconds: float = 0.001) -> bool:
        """Wait for datagrams, take them, do what is due; return whether standard input has a line, if watched."""
        has_line = False
        for descriptor, _ in self._poll.poll(wait_seconds, len(self.all) + 1):
            if descriptor in self._by_descriptor:
                self._read(self._by_descriptor[descriptor])
            else:
                has_line = True
            self._acknowledge_if_due()
        self._acknowledge_if_due()
        return has_line

    def _acknowledge_if_due(self) -> None:
        if now_us() >= self._tick_us:
            self._acknowledge(now_us())
            self._tick_us = max(self._tick_us + ACK_INTERVAL_US // ACK_PHASES, now_us() - ACK_INTERVAL_US)

    def _read(self, number: int) -> None:
        subscriber = self.all[number]
        batch = self._batch
        while count := subscriber.receiver.receive_batch(batch):
            words = np.ascontiguousarray(batch.data[:count, :8]).view(_WIRE)
            seqnos = words[:, 0].astype(np.int64)
            is_data = seqnos < CONTROL_BIT
            if not is_data.all():
                self._settle(number, words[~is_data])
                seqnos = seqnos[is_data]
            if len(seqnos):
                self._take(number, subscriber, seqnos)
            if count < batch.capacity:
                return

    def _settle(self, number: int, words: "np.ndarray[tuple[int, int], np.dtype[np.uint32]]") -> None:
        for word, info in words.tolist():
            if word == CONTROL_BIT | ControlType.ACKACK << 16:
                self._ackacks += 1
                if info == self._numbers[number]:
                    self._settled[number] = self._acked[number]

    def _take(self, number: int, subscriber: LightSubscriber, seqnos: I64Array) -> None:
        self._newest_us = now_us()
        self._first_us = self._first_us or self._newest_us
        start = subscriber.next_index
        if np.array_equal(seqnos, (start + np.arange(len(seqnos))) & SEQNO_MASK):
            subscriber.received_packets += len(seqnos)
            subscriber.next_index += len(seqnos)
        else:
            for seqno in seqnos.tolist():
                self._take_one(subscriber, unwrap_seqno(seqno, subscriber.next_index))
        self._next[number] = min(subscriber.missing, default=subscriber.next_index)

    def _take_one(self, subscriber: LightSubscriber, index: int) -> None:
        if index >= subscriber.next_index:
            subscriber.received_packets += 1
            if index > subscriber.next_index:
                subscriber.missing.update(range(subscriber.next_index, index))
                self._report_loss(subscriber, subscriber.next_index, index - 1)
            subscriber.next_index = index + 1
        elif index in subscriber.missing:
            subscriber.missing.remove(index)
            subscriber.received_packets += 1
            self._recovered += 1

    def _report_loss(self, subscriber: LightSubscriber, first: int, last: int) -> None:
        parameters = subscriber.parameters
        send(
            subscriber.udp,
            encode_control(
                ControlType.NAK,
                timestamp_us=now_us() - parameters.epoch_us,
                dst_socket_id=parameters.peer_socket_id,
                body=encode_loss_report([(first & SEQNO_MASK, last & SEQNO_MASK)]),
            ),
        )

    def _acknowledge(self, time_us: int) -> None:
        """Send the full ACKs of the subscribers whose tick it is, and the keepalives of those that say nothing."""
        self._phase = (self._phase + 1) % ACK_PHASES
        group = np.arange(self._phase, len(self.all), ACK_PHASES)
        waited_us = time_us - self._sent_us[group]
        is_open = (self._settled[group] < self._acked[group]) & (waited_us >= ACK_REPEAT_US)
        due = group[(self._next[group] > self._acked[group]) | is_open]
        self._acked[due] = self._next[due]
        self._numbers[due] += 1
        self._send(due, ControlType.ACK, _ACK_WORDS, time_us)
        self._acks += len(due)
        self._send(group[time_us - self._sent_us[group] >= KEEPALIVE_US], ControlType.KEEPALIVE, 5, time_us)

    def _send(self, numbers: I64Array, kind: ControlType, words: int, time_us: int) -> None:
        packets = np.zeros((len(numbers), _ACK_WORDS), _WIRE)
        packets[:, 0] = CONTROL_BIT | (kind << 16)
        packets[:, 1] = self._numbers[numbers]
        packets[:, 2] = (time_us - self._epoch_us[numbers]) & 0xFFFF_FFFF
        packets[:, 3] = self._peer_ids[numbers]
        packets[:, 4] = self._next[numbers] & SEQNO_MASK
        packets[:, 5:] = (1000, 500, 8192, 240, 1000, 312_000)
        for number, packet in zip(numbers.tolist(), packets[:, :words], strict=True):
            send(self.all[number].udp, packet.tobytes())
        self._sent_us[numbers] = time_us

    def report(self) -> LightReport:
        """Return what was seen."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return LightReport(
            received_packets=[subscriber.received_packets for subscriber in self.all],
            missing_packets=[len(subscriber.missing) for subscriber in self.all],
            recovered_packets=self._recovered,
            acks_sent_packets=self._acks,
            ackacks_received_packets=self._ackacks,
            flowing_us=self._newest_us - self._first_us,
            processor_us=round(1e6 * (usage.ru_utime + usage.ru_stime)),
        )

    def close(self) -> None:
        """Say goodbye and close every socket."""
        if self.all:
            self._send(np.arange(len(self.all)), ControlType.SHUTDOWN, HEADER_BYTES // 4 + 1, now_us())
        for subscriber in self.all:
            subscriber.receiver.close()
        self._poll.close()


def open_connected(address: tuple[str, int]) -> socket.socket:
    """Return a socket that talks to ``address`` alone."""
    udp = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    udp.connect(address)
    udp.setblocking(False)
    return udp


def receive(udp: socket.socket, caller: Caller) -> None:
    """Hand over one datagram."""
    try:
        caller.handle_datagram(udp.recv(2048), now_us())
    except ConnectionRefusedError:  # nobody listens yet
        return


def drive(udp: socket.socket, caller: Caller) -> None:
    """Call a caller's timer if that is due, send what it wants sent, and raise what it failed with."""
    due_us = caller.poll_timer()
    if due_us is not None and due_us <= now_us():
        caller.handle_timer(now_us())
    for datagram in caller.poll_datagrams():
        send(udp, datagram)
    if caller.error is not None:
        raise caller.error


def send(udp: socket.socket, datagram: bytes) -> None:
    """Send, or lose the datagram as a network would."""
    try:
        udp.send(datagram)
    except (BlockingIOError, ConnectionRefusedError):
        return


def allow_open_files(count: int) -> None:
    """Raise the limit of open files of this process to ``count`` if it is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def main() -> None:
    """Connect, say so, receive, report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--stream-id", required=True)
    arguments = parser.parse_args()
    subscribers = LightSubscribers(arguments.host, arguments.port, arguments.stream_id)
    try:
        subscribers.connect(arguments.count)
        print("connected", flush=True)
        subscribers.run()
        print(json.dumps(asdict(subscribers.report())), flush=True)
    finally:
        subscribers.close()


if __name__ == "__main__":
    main()
