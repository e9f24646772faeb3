"""One subscriber of the soak, from its handshake until it is gone: it checks its packets and keeps none.

Source: draft-sharabayko-srt, 4.8.1 and 4.8.2, and libsrt 1.5.1 for when reports are repeated.
"""

import struct
from random import Random
from typing import Final

import numpy as np
from bench.lossy_socket import LossySocket
from bench.soak.gaps import Gaps
from bench.soak.soak_channel import read_stamp
from bench.soak.soak_producer import BAD_LINK
from bench.soak.soak_socket import drive, open_connected, receive, send
from bench.soak.tally import Tally
from bench.soak.visit import Leaving, Visit
from bench.stamped_socket import receive_stamped, stamp_arrivals

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.errors import HeadraceError, PacketError
from headrace.base.seqno import SEQNO_MASK, unwrap_seqno
from headrace.netio.capabilities import probe_capabilities
from headrace.netio.clock import now_us
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.connection import KEEPALIVE_US, ConnectionParameters
from headrace.srt.packet import (
    CONTROL_BIT,
    HEADER_BYTES,
    RETRANSMITTED_FLAG,
    ControlType,
    decode_drop_request,
    encode_control,
    encode_loss_report,
)

LATENCY_MS: Final = 500
ACK_REPEAT_US: Final = 10_000
"""An ACK that got no ACKACK is repeated at the next tick, as libsrt does where the round trip is short."""
CONNECT_US: Final = 10_000_000
"""A burst of losses lasts for several packets, and of a handshake there are only four a second."""
NAK_REPEAT_US: Final = 40_000
SETTLE_US: Final = 2_000_000
"""What comes earlier may be backlog, whose stamps are old."""
STARVED_US: Final = 10_000_000
"""A killed producer is back after 3 s, and then needs up to one to get its place."""
ORPHAN_US: Final = 6_000_000
"""So long after a producer's end packets may be given up that it would have had to send again: the broker waits
for 5 s, and a subscriber asks again within the second."""
MUTE_US: Final = 8_000_000

_WIRE: Final = np.dtype(">u4")
_ACK_BODY: Final = struct.Struct(">7I")


class SoakSubscriber:
    """One visit.

    Args:
        port: The broker's, on the loopback interface.
        visit: What to do.
        tally: Where to count.
        random: Source of ids, and of what is lost.
        batch: Where to receive, shared with others.

    Attributes:
        descriptor: Of its socket; it stays the same when that is closed.
        is_over: It has left, and its socket is closed.
        is_mute: It still keeps its connection alive, but reads nothing any more.
    """

    def __init__(self, port: int, visit: Visit, tally: Tally, random: Random, batch: DatagramBatch) -> None:
        self._udp = open_connected(port, LossySocket(BAD_LINK, random) if visit.is_lossy else None)
        if visit.is_timed:
            stamp_arrivals(self._udp)
        self.descriptor = self._udp.fileno()
        self.is_over = self.is_mute = False
        self._visit = visit
        self._tally = tally
        self._batch = batch
        self._receiver = UdpSocket(self._udp, probe_capabilities())
        self._born_us = now_us()
        self._leaves_us = self._born_us + visit.stay_us
        options = CallerOptions(
            stream_id=visit.channel.channel_id, receive_latency_ms=LATENCY_MS, connect_timeout_us=CONNECT_US
        )
        initial_seqno, socket_id = random.randrange(1 << 30), random.randrange(1, 1 << 30)
        self._caller = Caller(options, socket_id=socket_id, initial_seqno=initial_seqno, now_us=self._born_us)
        self._parameters: ConnectionParameters | None = None
        self._gaps = Gaps(0)
        self._ack_number = 0
        self._acked_index = self._settled_index = 0
        self._sent_us = self._reported_us = self._data_us = 0
        self._newest_number = -1

    def handle_readable(self) -> None:
        """Take what has come."""
        parameters = self._parameters
        if parameters is None:
            self._receive_handshake()
        elif self._visit.is_timed:
            self._receive_timed(parameters)
        else:
            self._receive_batch(parameters)

    def _receive_handshake(self) -> None:
        try:
            receive(self._udp, self._caller)
        except BlockingIOError:  # lost on its way
            return
        if self._caller.connection is not None:
            self._parameters = self._caller.connection.parameters
            first_index = self._parameters.receive_seqno
            self._gaps = Gaps(first_index)
            self._acked_index = self._settled_index = first_index
            self._sent_us = self._data_us = now_us()
            self._tally.joins += 1

    def _receive_timed(self, parameters: ConnectionParameters) -> None:
        while not self.is_over:
            try:
                datagram, arrived_us = receive_stamped(self._udp)
            except (BlockingIOError, ConnectionRefusedError):
                return
            word0, word1, _, socket_id = struct.unpack_from(">4I", datagram)
            if socket_id != parameters.socket_id:
                continue  # for a subscriber that had this port before
            if word0 & CONTROL_BIT:
                self._handle_control(word0, word1, datagram[HEADER_BYTES:])
                continue
            is_newest = self._gaps.take(unwrap_seqno(word0, self._gaps.next_index), now_us())
            self._data_us = now_us()
            if is_newest and not word1 & RETRANSMITTED_FLAG:
                self._time(datagram[HEADER_BYTES:], arrived_us)

    def _time(self, payload: bytes, arrived_us: int) -> None:
        stamp = read_stamp(payload)
        if stamp is None:
            return
        number, sent_us = stamp
        if number <= self._newest_number:
            self._tally.faults["payload out of order"] += 1
        self._newest_number = number
        channel = self._visit.channel
        if not channel.is_lossy and now_us() - self._born_us >= SETTLE_US:
            self._tally.latencies_us.append(arrived_us - sent_us)

    def _receive_batch(self, parameters: ConnectionParameters) -> None:
        batch, udp = self._batch, self._udp
        while not self.is_over and (count := self._receiver.receive_batch(batch)):
            words = np.ascontiguousarray(batch.data[:count, :HEADER_BYTES]).view(_WIRE)
            keep = words[:, 3] == parameters.socket_id
            if isinstance(udp, LossySocket):
                keep &= np.fromiter((udp.keeps() for _ in range(count)), np.bool_, count)
            is_control = words[:, 0] >= CONTROL_BIT
            for row in np.flatnonzero(keep & is_control).tolist():
                body = bytes(batch.data[row, HEADER_BYTES : batch.lengths[row]])
                self._handle_control(int(words[row, 0]), int(words[row, 1]), body)
            self._take(words[keep & ~is_control, 0].astype(np.int64))
            if count < batch.capacity:
                return

    def _take(self, seqnos: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> None:
        if not len(seqnos):
            return
        self._data_us = now_us()
        gaps = self._gaps
        if np.array_equal(seqnos, (gaps.next_index + np.arange(len(seqnos))) & SEQNO_MASK):
            gaps.take_run(len(seqnos))
            return
        for seqno in seqnos.tolist():
            gaps.take(unwrap_seqno(seqno, gaps.next_index), self._data_us)

    def _handle_control(self, word0: int, word1: int, body: bytes) -> None:
        match (word0 & ~CONTROL_BIT) >> 16:
            case ControlType.ACKACK:
                if word1 == self._ack_number:
                    self._settled_index = self._acked_index
            case ControlType.DROP_REQUEST:
                self._handle_drop_request(body)
            case ControlType.SHUTDOWN:
                self._tally.faults["subscriber cut off"] += 1
                self._finish("cut off")

    def _handle_drop_request(self, body: bytes) -> None:
        try:
            near = self._gaps.next_index
            first, last = (unwrap_seqno(seqno, near) for seqno in decode_drop_request(body))
        except PacketError:
            self._tally.faults["malformed drop request"] += 1
            return
        gone = self._gaps.drop(first, last)
        channel = self._visit.channel
        if channel.is_lossy and now_us() - channel.ended_us < ORPHAN_US:
            self._tally.orphaned_packets += gone
        elif gone:
            self._tally.faults["packet given up by the broker"] += gone

    def handle_tick(self, time_us: int) -> None:
        """Do what is due, every 10 ms; nothing is once it is over."""
        if self.is_over:
            return
        if self.is_mute:
            self._handle_mute_tick(time_us)
        elif self._parameters is None:
            self._shake_hands()
        elif time_us >= self._leaves_us:
            self._leave(time_us)
        else:
            self._acknowledge(time_us)
            self._report_losses(time_us)
            self._keep_alive(time_us)

    def _shake_hands(self) -> None:
        try:
            drive(self._udp, self._caller)
        except HeadraceError:
            self._tally.faults["subscriber not admitted"] += 1
            self._finish("not admitted")

    def _acknowledge(self, time_us: int) -> None:
        index = self._gaps.acknowledged_index
        is_open = self._settled_index < self._acked_index and time_us - self._sent_us >= ACK_REPEAT_US
        if index > self._acked_index or is_open:
            self._acked_index = index
            self._ack_number += 1
            body = _ACK_BODY.pack(index & SEQNO_MASK, 1000, 500, 8192, 240, 1000, 312_000)
            self._send(ControlType.ACK, time_us, body, self._ack_number)

    def _report_losses(self, time_us: int) -> None:
        gaps = self._gaps
        if not gaps.missing or time_us - self._reported_us < NAK_REPEAT_US:
            return
        lost = gaps.give_up(time_us)
        if lost:
            self._tally.faults["packet missing for good"] += lost
        self._reported_us = time_us
        ranges = [(first & SEQNO_MASK, last & SEQNO_MASK) for first, last in gaps.ranges()]
        if ranges:
            self._send(ControlType.NAK, time_us, encode_loss_report(ranges))

    def _keep_alive(self, time_us: int) -> None:
        if time_us - self._sent_us >= KEEPALIVE_US:
            self._send(ControlType.KEEPALIVE, time_us)
        if time_us - self._data_us >= STARVED_US:
            self._data_us = time_us
            self._tally.faults["nothing came for 10 s"] += 1

    def _handle_mute_tick(self, time_us: int) -> None:
        if time_us - self._sent_us >= KEEPALIVE_US:
            self._send(ControlType.KEEPALIVE, time_us)
        if time_us >= self._leaves_us:
            self._finish(Leaving.MUTE.value)

    def _leave(self, time_us: int) -> None:
        match self._visit.leaving:
            case Leaving.SHUTDOWN:
                self._send(ControlType.SHUTDOWN, time_us)
                self._finish(Leaving.SHUTDOWN.value)
            case Leaving.VANISH:
                self._finish(Leaving.VANISH.value)
            case Leaving.MUTE:
                self.is_mute = True
                self._leaves_us = time_us + MUTE_US

    def _send(self, kind: ControlType, time_us: int, body: bytes = b"", info: int = 0) -> None:
        parameters = self._parameters
        if parameters is None:
            raise AssertionError("only a connected subscriber has something to say")
        send(
            self._udp,
            encode_control(
                kind,
                timestamp_us=time_us - parameters.epoch_us,
                dst_socket_id=parameters.peer_socket_id,
                info=info,
                body=body,
            ),
        )
        self._sent_us = time_us

    def _finish(self, how: str) -> None:
        self.is_over = True
        self._tally.departures[how] += 1
        self._tally.received_packets += self._gaps.received_packets
        self._tally.recovered_packets += self._gaps.recovered_packets
        self._receiver.close()

    def close(self) -> None:
        """Leave at the end of the soak."""
        if not self.is_over:
            if self._parameters is not None:
                self._send(ControlType.SHUTDOWN, now_us())
            self._finish("end of the soak")
