from typing import NamedTuple

import numpy as np
from tests.support.fake_port import FakePort
from tests.support.listener_host import ListenerHost

from headrace.base.datagram_batch import I64Array
from headrace.bench.joining import producer_options
from headrace.bench.light_producers import LightProducers
from headrace.bench.stream import FRAMES_PER_SECOND, Stream, StreamShape, make_stream
from headrace.netio.clock import now_us
from headrace.srt.packet import (
    HEADER_BYTES,
    RETRANSMITTED_FLAG,
    Acknowledgement,
    ControlType,
    decode_header,
    encode_ack_body,
    encode_control,
    encode_loss_report,
)

STREAM = make_stream(StreamShape(frame_packets=2, keyframe_packets=3))


class Frame(NamedTuple):
    rows: list[int]
    indices: list[int]


class Noting:
    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def note_sent(self, rows: I64Array, indices: I64Array, sent_us: I64Array) -> None:
        assert sent_us.shape == rows.shape
        self.frames.append(Frame(rows.tolist(), indices.tolist()))

    def note_arrivals(self, rows: I64Array, indices: I64Array, arrivals_us: I64Array) -> None:
        raise AssertionError("a producer gets no data")


class Stage:
    """Some producers and the receiver that they have."""

    def __init__(self, count: int = 1, stream: Stream = STREAM) -> None:
        self.port, self._host = FakePort(), ListenerHost()
        self.noting = Noting()
        options = producer_options([f"C{n}" for n in range(count)])
        self.producers = LightProducers(self.port, options, stream, self.noting)
        while not self.producers.is_connected:
            self.producers.turn()
            for _, datagram in self.port.take_sent():
                self.port.deliver(self._host.answer(datagram))
        self.port.take_sent()
        self.seqnos = [parameters.receive_seqno for parameters in self._host.opened]

    def frame(self) -> Frame:
        give_up_us = now_us() + 5_000_000
        while now_us() < give_up_us:
            self.producers.turn()
            if self.noting.frames:
                return self.noting.frames.pop()
        raise AssertionError("no frame was sent")

    def control(self, kind: ControlType, number: int = 0, *, info: int = 0, body: bytes = b"") -> list[bytes]:
        """Let a control packet come; return what is sent then."""
        self.producers.pause()
        self.port.take_sent()
        self.port.deliver(encode_control(kind, timestamp_us=0, dst_socket_id=number + 1, info=info, body=body))
        self.producers.turn()
        return [datagram for _, datagram in self.port.take_sent()]

    def index(self, datagram: bytes, number: int = 0) -> int:
        return (decode_header(datagram).word0 - self.seqnos[number]) % 2**31


def test_frames_leave_on_time_as_one_burst_each() -> None:
    stage = Stage()
    start_us = now_us()
    stage.producers.start()
    assert [stage.frame().indices for _ in range(3)] == [[0, 1, 2], [3, 4], [5, 6]]
    assert now_us() - start_us >= 2_000_000 // FRAMES_PER_SECOND
    assert [stage.index(datagram) for _, datagram in stage.port.sent] == list(range(7))
    payloads = [datagram[HEADER_BYTES:] for _, datagram in stage.port.sent]
    assert payloads == [row.tobytes() for row in STREAM.payloads[:7]]
    assert stage.producers.next_index.tolist() == [7]


def test_the_frames_of_producers_are_spread_over_the_time_of_a_frame() -> None:
    stage = Stage(count=3)
    stage.producers.start()
    start_us = stage.producers.next_frame_us
    first_us: dict[int, int] = {}
    while len(first_us) < 3:
        for row in stage.frame().rows:
            first_us.setdefault(row, now_us() - start_us)
    assert all(first_us[row] >= row * 1_000_000 // FRAMES_PER_SECOND // 3 for row in range(3))


def test_after_a_pause_the_stream_goes_on_where_it_was() -> None:
    stage = Stage()
    stage.producers.start()
    stage.frame()
    stage.producers.pause()
    assert stage.producers.next_frame_us > now_us() + 10**12
    stage.producers.start()
    assert stage.frame().indices == [3, 4]


def test_the_stream_begins_again_at_its_end() -> None:
    short = Stream(STREAM.payloads[:3], STREAM.first_packets)
    stage = Stage(stream=short)
    stage.producers.start()
    stage.frame()
    stage.frame()
    assert stage.port.sent[-1][1][HEADER_BYTES:] == STREAM.payloads[1].tobytes()


def test_a_full_acknowledgement_is_answered_and_a_light_one_is_not() -> None:
    stage = Stage(count=2)
    (answer,) = stage.control(ControlType.ACK, 1, info=7, body=encode_ack_body(Acknowledgement(7, 5, 20, 3, 9)))
    assert decode_header(answer)[:2] == (0x8000_0000 | ControlType.ACKACK << 16, 7)
    assert stage.control(ControlType.ACK, info=0, body=encode_ack_body(Acknowledgement(0, 5))) == []
    assert stage.producers.acks_received_packets == 2


def test_what_is_asked_for_is_sent_again_once_in_a_round_trip() -> None:
    stage = Stage()
    stage.producers.start()
    first = stage.frame()
    origin_us = decode_header(stage.port.sent[1][1]).timestamp_us
    stage.control(ControlType.ACK, info=1, body=encode_ack_body(Acknowledgement(1, 5, 60_000_000, 0, 9)))
    seqno = stage.seqnos[0]
    report = encode_loss_report([((seqno + 1) % 2**31, (seqno + 2) % 2**31), ((seqno + 9) % 2**31,) * 2])
    again = stage.control(ControlType.NAK, body=report)
    assert [stage.index(datagram) for datagram in again] == [1, 2]
    assert all(decode_header(datagram).word1 & RETRANSMITTED_FLAG for datagram in again)
    assert again[0][HEADER_BYTES:] == STREAM.payloads[1].tobytes()
    assert decode_header(again[0]).timestamp_us == origin_us
    assert stage.control(ControlType.NAK, body=report) == []
    assert (stage.producers.resent_packets, stage.producers.naks_received_packets) == (2, 2)
    assert len(first.rows) == 3


def test_a_silent_producer_keeps_its_connection_alive_and_says_goodbye() -> None:
    stage = Stage()
    give_up_us = now_us() + 5_000_000
    while not stage.port.sent and now_us() < give_up_us:
        stage.producers.turn()
    assert decode_header(stage.port.take_sent()[0][1]).control_type == ControlType.KEEPALIVE
    stage.producers.close()
    assert decode_header(stage.port.take_sent()[0][1]).control_type == ControlType.SHUTDOWN


def test_who_is_sent_away_counts() -> None:
    stage = Stage(count=2)
    stage.control(ControlType.SHUTDOWN, 1)
    assert stage.producers.shutdowns == 1
    stage.producers.close()
    assert [number for number, _ in stage.port.sent] == [0]
    assert np.array_equal(stage.producers.next_index, [0, 0])


def test_a_last_packet_that_is_not_acknowledged_is_sent_again_in_a_pause() -> None:
    stage = Stage()
    stage.producers.start()
    stage.frame()
    stage.producers.pause()
    ack = encode_ack_body(Acknowledgement(1, (stage.seqnos[0] + 2) % 2**31, 10, 3, 9))
    stage.control(ControlType.ACK, info=1, body=ack)
    give_up_us = now_us() + 5_000_000
    while not stage.port.sent and now_us() < give_up_us:
        stage.producers.turn()
    ((_, again),) = stage.port.take_sent()
    assert stage.index(again) == 2
    assert decode_header(again).word1 & RETRANSMITTED_FLAG
    ack = encode_ack_body(Acknowledgement(2, (stage.seqnos[0] + 3) % 2**31, 10, 3, 9))
    stage.control(ControlType.ACK, info=2, body=ack)
    while not stage.port.sent and now_us() < give_up_us:
        stage.producers.turn()
    assert decode_header(stage.port.sent[0][1]).control_type == ControlType.KEEPALIVE
