import numpy as np
import pytest
from tests.support.fake_port import FakePort
from tests.support.listener_host import ListenerHost

from headrace.base.datagram_batch import I64Array
from headrace.bench.joining import subscriber_options
from headrace.bench.light_subscribers import LightSubscribers
from headrace.netio.clock import now_us
from headrace.srt.packet import (
    HEADER_BYTES,
    Acknowledgement,
    ControlType,
    Header,
    decode_ack,
    decode_header,
    decode_loss_report,
    encode_control,
    encode_data_header,
    encode_drop_request_body,
)


class Stage:
    """Some subscribers and the sender that they have."""

    def __init__(self, count: int = 1, latency_ms: int = 120, observer: "Noting | None" = None) -> None:
        self.port, self._host = FakePort(), ListenerHost()
        self.subscribers = LightSubscribers(self.port, subscriber_options("A", count, latency_ms), observer)
        while not self.subscribers.is_connected:
            self.subscribers.turn()
            for _, datagram in self.port.take_sent():
                self.port.deliver(self._host.answer(datagram))
        self.port.take_sent()
        self.seqnos = [parameters.send_seqno for parameters in self._host.opened]

    def data(self, *indices: int, number: int = 0) -> None:
        """Let data packets come in one batch."""
        seqnos = [(self.seqnos[number] + index) % 2**31 for index in indices]
        headers = [
            encode_data_header(seqno=seqno, message_word=0, timestamp_us=0, dst_socket_id=number + 1)
            for seqno in seqnos
        ]
        self.port.deliver(*[header + bytes(1316) for header in headers])
        self.subscribers.turn()

    def control(self, kind: ControlType, number: int = 0, *, info: int = 0, body: bytes = b"") -> None:
        self.port.deliver(encode_control(kind, timestamp_us=0, dst_socket_id=number + 1, info=info, body=body))
        self.subscribers.turn()

    def next(self, kind: ControlType) -> tuple[int, Header, bytes]:
        """Return the next control packet of a kind: subscriber, header and body."""
        give_up_us = now_us() + 5_000_000
        while now_us() < give_up_us:
            for at, (number, datagram) in enumerate(self.port.sent):
                header = decode_header(datagram)
                if header.control_type == kind:
                    del self.port.sent[at]
                    return number, header, datagram[HEADER_BYTES:]
            self.subscribers.turn()
        raise AssertionError(f"no {kind.name} was sent")

    def index(self, seqno: int, number: int = 0) -> int:
        return (seqno - self.seqnos[number]) % 2**31

    def next_ack(self, number: int = 0) -> Acknowledgement:
        _, header, body = self.next(ControlType.ACK)
        ack = decode_ack(header, body)
        ack.next_seqno = self.index(ack.next_seqno, number)
        return ack


class Noting:
    def __init__(self) -> None:
        self.noted: list[tuple[int, int]] = []

    def note_sent(self, rows: I64Array, indices: I64Array, sent_us: I64Array) -> None:
        raise AssertionError("a subscriber sends no data")

    def note_arrivals(self, rows: I64Array, indices: I64Array, arrivals_us: I64Array) -> None:
        assert arrivals_us.shape == rows.shape
        self.noted += zip(rows.tolist(), indices.tolist(), strict=True)


def test_what_comes_is_acknowledged_until_that_is_answered() -> None:
    stage = Stage()
    stage.data(0, 1, 2)
    ack = stage.next_ack()
    assert (ack.ack_number, ack.next_seqno) == (1, 3)
    stage.control(ControlType.ACKACK, info=1)
    stage.data(3)
    assert stage.next_ack().next_seqno == 4
    assert stage.next_ack().ack_number == 3
    assert stage.subscribers.ackacks_received_packets == 1
    assert stage.subscribers.acks_sent_packets == 3


def test_an_answered_acknowledgement_is_not_repeated_but_the_connection_kept_alive() -> None:
    stage = Stage()
    stage.data(0)
    stage.next_ack()
    stage.control(ControlType.ACKACK, info=1)
    stage.next(ControlType.KEEPALIVE)
    assert stage.subscribers.acks_sent_packets == 1


def test_a_gap_is_reported_at_once_and_again_until_it_is_filled() -> None:
    stage = Stage(count=2, latency_ms=1_000)
    stage.data(0, 1, 4, 5, 7, number=1)
    for _ in range(2):
        number, header, body = stage.next(ControlType.NAK)
        ranges = [(stage.index(a, 1), stage.index(b, 1)) for a, b in decode_loss_report(body)]
        assert (number, ranges) == (1, [(2, 3), (6, 6)])
        assert header.dst_socket_id == 1002
    stage.data(2, 3, 6, number=1)
    sent = stage.subscribers.naks_sent_packets
    while (number := stage.next_ack(1).next_seqno) != 8:
        assert number == 2
    stage.next(ControlType.KEEPALIVE)
    assert stage.subscribers.naks_sent_packets == sent
    assert stage.subscribers.arrivals.recovered_packets.tolist() == [0, 3]


def test_only_a_new_gap_is_reported_when_it_opens() -> None:
    stage = Stage(latency_ms=1_000)
    stage.data(0, 2)
    stage.next(ControlType.NAK)
    stage.data(5)
    _, _, body = stage.next(ControlType.NAK)
    assert [(stage.index(a), stage.index(b)) for a, b in decode_loss_report(body)] == [(3, 4)]


def test_what_its_latency_has_passed_is_given_up_and_acknowledged() -> None:
    stage = Stage(latency_ms=20)
    stage.data(0, 2)
    while stage.next_ack().next_seqno != 3:
        pass
    arrivals = stage.subscribers.arrivals
    assert (arrivals.given_up_packets.tolist(), arrivals.missing_packets.tolist()) == ([1], [0])


def test_what_the_sender_gives_up_is_given_up() -> None:
    stage = Stage(latency_ms=1_000)
    stage.data(0, 5)
    body = encode_drop_request_body((stage.seqnos[0] + 1) % 2**31, (stage.seqnos[0] + 3) % 2**31)
    stage.control(ControlType.DROP_REQUEST, body=body)
    assert stage.subscribers.arrivals.given_up_packets.tolist() == [3]
    assert stage.subscribers.arrivals.missing_packets.tolist() == [1]


def test_a_light_acknowledgement_goes_out_after_each_64_packets() -> None:
    stage = Stage()
    stage.data(*range(64))
    ack = stage.next_ack()
    assert (ack.ack_number, ack.next_seqno) == (0, 64)


def test_who_is_sent_away_counts_and_says_no_more() -> None:
    stage = Stage()
    stage.control(ControlType.SHUTDOWN)
    stage.control(ControlType.SHUTDOWN)
    assert stage.subscribers.shutdowns == 1
    stage.subscribers.close()
    assert stage.port.sent == []


def test_each_says_goodbye() -> None:
    stage = Stage(count=2)
    stage.subscribers.close()
    assert [number for number, datagram in stage.port.sent] == [0, 1]
    assert decode_header(stage.port.sent[0][1]).control_type == ControlType.SHUTDOWN


def test_an_observer_is_told_of_each_packet_and_strangers_are_passed_over() -> None:
    noting = Noting()
    stage = Stage(observer=noting)
    stage.port.deliver(encode_data_header(seqno=5, message_word=0, timestamp_us=0, dst_socket_id=99))
    stage.data(0, 1, 1)
    assert noting.noted == [(0, 0), (0, 1), (0, 1)]


@pytest.mark.parametrize("count", [1, 200])
def test_acknowledgements_of_a_crowd_are_spread_over_the_ticks(count: int) -> None:
    stage = Stage(count=count)
    for number in range(count):
        stage.data(0, number=number)
    seen = {stage.next(ControlType.ACK)[0] for _ in range(count)}
    assert seen == set(np.arange(count).tolist())
