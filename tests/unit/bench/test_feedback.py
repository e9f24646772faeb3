import numpy as np
import pytest

from headrace.base.seqno import SEQNO_MASK
from headrace.bench.feedback import (
    AVAILABLE_PACKETS,
    Sides,
    encode_acks,
    encode_empty,
    encode_light_acks,
    encode_loss_reports,
)
from headrace.srt.packet import (
    HEADER_BYTES,
    MAX_LOSS_REPORT_WORDS,
    Acknowledgement,
    ControlType,
    decode_ack,
    decode_header,
    decode_loss_report,
    encode_ack_body,
    encode_control,
    encode_loss_report,
)

SIDES = Sides(np.array([100, -(1 << 32)]), np.array([7, 0x3FFF_FFFF]))


def test_acknowledgements_are_those_that_the_connection_would_write() -> None:
    numbers, seqnos, rtts, variances = (np.array(pair) for pair in ((1, 9), (5, SEQNO_MASK), (300, 4), (20, 2)))
    datagrams = encode_acks(
        SIDES, numbers=numbers, seqnos=seqnos, rtt_us=rtts, variance_us=variances, now_us=1_000
    )
    for row in range(2):
        ack = Acknowledgement(
            int(numbers[row]), int(seqnos[row]), int(rtts[row]), int(variances[row]), AVAILABLE_PACKETS
        )
        assert datagrams.data[row].tobytes() == encode_control(
            ControlType.ACK,
            timestamp_us=1_000 - int(SIDES.epoch_us[row]),
            dst_socket_id=int(SIDES.peer_socket_id[row]),
            info=ack.ack_number,
            body=encode_ack_body(ack),
        )
    assert datagrams.lengths.tolist() == [44, 44]


def test_a_light_acknowledgement_has_one_word_and_no_number() -> None:
    datagram = encode_light_acks(SIDES, seqnos=np.array([5, 6]), now_us=0).data[1].tobytes()
    assert decode_ack(decode_header(datagram), datagram[HEADER_BYTES:]) == Acknowledgement(0, 6)


def test_an_empty_packet_is_that_of_the_connection() -> None:
    datagrams = encode_empty(ControlType.ACKACK, SIDES, now_us=100, info=np.array([3, 4]))
    wanted = encode_control(ControlType.ACKACK, timestamp_us=0, dst_socket_id=7, info=3)
    assert datagrams.data[0].tobytes() == wanted


@pytest.mark.parametrize("first", [0, 10, SEQNO_MASK - 2])
def test_loss_reports_are_those_that_the_connection_would_write(first: int) -> None:
    missing = np.array([[0, 1, 1, 0, 1, 0], [1, 0, 0, 0, 1, 1]], np.bool_)
    first_seqnos = np.array([first, first + 100])
    datagrams = encode_loss_reports(SIDES, first_seqnos=first_seqnos, missing=missing, now_us=0)
    for row, ranges in enumerate(([(1, 2), (4, 4)], [(0, 0), (4, 5)])):
        at = int(first_seqnos[row])
        wire = [((at + low) & SEQNO_MASK, (at + high) & SEQNO_MASK) for low, high in ranges]
        body = datagrams.data[row, HEADER_BYTES : datagrams.lengths[row]].tobytes()
        assert body == encode_loss_report(wire)


def test_a_loss_report_stays_within_a_datagram() -> None:
    missing = np.zeros((1, 4 * MAX_LOSS_REPORT_WORDS), np.bool_)
    missing[0, ::2] = True
    sides = Sides(SIDES.epoch_us[:1], SIDES.peer_socket_id[:1])
    datagrams = encode_loss_reports(sides, first_seqnos=np.array([0]), missing=missing, now_us=0)
    ranges = decode_loss_report(datagrams.data[0, HEADER_BYTES : datagrams.lengths[0]].tobytes())
    assert ranges == [(2 * number, 2 * number) for number in range(MAX_LOSS_REPORT_WORDS)]
