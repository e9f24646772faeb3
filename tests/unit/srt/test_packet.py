"""Headers and small control bodies, byte for byte."""

import pytest
from tests.support.srt_datagrams import words

from headrace.base.errors import PacketError
from headrace.srt.packet import (
    MAX_LOSS_REPORT_WORDS,
    MAX_PAYLOAD_BYTES,
    Acknowledgement,
    ControlType,
    Header,
    decode_ack,
    decode_drop_request,
    decode_header,
    decode_loss_report,
    encode_ack_body,
    encode_control,
    encode_data_header,
    encode_drop_request_body,
    encode_loss_report,
    message_word,
)

ACK_HEADER = Header(0x8002_0000, 7, 0, 0)


def reason_of(error: pytest.ExceptionInfo[PacketError]) -> str:
    return error.value.reason


def test_a_data_header_has_the_draft_s_layout() -> None:
    header = encode_data_header(
        seqno=0x12345678, message_word=message_word(5), timestamp_us=0x01020304, dst_socket_id=0xCAFE
    )
    assert header.hex() == "12345678e0000005010203040000cafe"


def test_a_resent_message_has_the_r_flag() -> None:
    assert message_word(5, retransmitted=True) == 0xE400_0005
    assert message_word(0x03FF_FFFF) == 0xE3FF_FFFF


def test_a_message_number_does_not_run_into_the_flags() -> None:
    assert message_word(0x0400_0001) == 0xE000_0001


def test_a_timestamp_is_reduced_to_32_bits() -> None:
    header = encode_data_header(seqno=0, message_word=0, timestamp_us=(1 << 32) + 9, dst_socket_id=0)
    assert decode_header(header).timestamp_us == 9
    assert (
        decode_header(encode_control(ControlType.ACK, timestamp_us=-1, dst_socket_id=0)).timestamp_us == 0xFFFFFFFF
    )


def test_a_control_packet_has_the_draft_s_layout() -> None:
    packet = encode_control(ControlType.NAK, timestamp_us=1, dst_socket_id=2, info=3, body=b"body")
    assert packet.hex() == "80030000000000030000000100000002" + b"body".hex()
    user = encode_control(ControlType.USER_DEFINED, timestamp_us=0, dst_socket_id=0)
    assert user[:4].hex() == "ffff0000"


def test_a_header_tells_control_from_data() -> None:
    assert not decode_header(words(0x7FFF_FFFF, 0, 0, 0)).is_control
    shutdown = decode_header(words(0x8005_0001, 0, 0, 0))
    assert shutdown.is_control
    assert shutdown.control_type == ControlType.SHUTDOWN


def test_a_header_of_16_bytes_is_enough_and_15_are_not() -> None:
    assert decode_header(bytes(16)) == Header(0, 0, 0, 0)
    with pytest.raises(PacketError) as error:
        decode_header(bytes(15))
    assert reason_of(error) == "short_header"


def test_a_light_ack_says_only_how_far() -> None:
    ack = decode_ack(Header(0x8002_0000, 0, 0, 0), words(99))
    assert ack == Acknowledgement(0, 99)
    assert encode_ack_body(ack) == words(99)


def test_a_small_ack_says_round_trip_and_room() -> None:
    assert decode_ack(ACK_HEADER, words(99, 1, 2, 3)) == Acknowledgement(7, 99, 1, 2, 3)


def test_a_full_ack_says_seven_things() -> None:
    ack = Acknowledgement(7, 99, 100_000, 50_000, 8192, 5, 6, 7)
    assert encode_ack_body(ack) == words(99, 100_000, 50_000, 8192, 5, 6, 7)
    assert decode_ack(ACK_HEADER, words(99, 100_000, 50_000, 8192, 5, 6, 7)) == ack


def test_words_after_the_seventh_of_an_ack_are_skipped() -> None:
    assert decode_ack(ACK_HEADER, words(*range(9))).receiving_rate_bytes_per_second == 6


@pytest.mark.parametrize("body", [words(99, 1), words(99, 1, 2), words(99, 1, 2) + b"abc"])
def test_an_ack_cut_before_its_fourth_word_counts_as_light(body: bytes) -> None:
    assert decode_ack(ACK_HEADER, body) == Acknowledgement(7, 99)


@pytest.mark.parametrize(
    ("body", "reason"), [(b"abc", "short_ack"), (words(0x8000_0000), "ack_seqno_out_of_range")]
)
def test_a_malformed_ack_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as error:
        decode_ack(ACK_HEADER, body)
    assert reason_of(error) == reason


def test_the_highest_sequence_number_can_be_acknowledged() -> None:
    assert decode_ack(ACK_HEADER, words(0x7FFF_FFFF)).next_seqno == 0x7FFF_FFFF


def test_a_loss_report_mixes_single_packets_and_ranges() -> None:
    body = words(3, 0x8000_0005, 9, 20)
    assert decode_loss_report(body) == [(3, 3), (5, 9), (20, 20)]
    assert encode_loss_report([(3, 3), (5, 9), (20, 20)]) == body


def test_a_loss_report_may_run_across_the_wrap() -> None:
    body = words(0xFFFF_FFFE, 1)
    assert decode_loss_report(body) == [(0x7FFF_FFFE, 1)]
    assert encode_loss_report([(0x7FFF_FFFE, 1)]) == body


def test_a_range_of_one_packet_is_read() -> None:
    assert decode_loss_report(words(0x8000_0005, 5)) == [(5, 5)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty_nak"),
        (b"abc", "empty_nak"),
        (words(0x8000_0005), "truncated_nak_range"),
        (words(0x8000_0005, 0x8000_0009), "truncated_nak_range"),
        (words(0x8000_0009, 5), "reversed_nak_range"),
        (words(0x8000_0000, 0x4000_0000), "reversed_nak_range"),
    ],
)
def test_a_malformed_loss_report_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as error:
        decode_loss_report(body)
    assert reason_of(error) == reason


def test_the_widest_range_that_is_not_reversed_is_read() -> None:
    assert decode_loss_report(words(0x8000_0000, 0x3FFF_FFFF)) == [(0, 0x3FFF_FFFF)]


def test_a_loss_report_stays_within_one_datagram() -> None:
    most = MAX_LOSS_REPORT_WORDS // 2
    full = encode_loss_report([(4 * n, 4 * n + 1) for n in range(most)])
    assert len(full) == MAX_PAYLOAD_BYTES
    assert encode_loss_report([(4 * n, 4 * n + 1) for n in range(most + 1)]) == full
    odd = encode_loss_report([(0, 0)] + [(4 * n, 4 * n + 1) for n in range(1, most + 1)])
    assert len(odd) == MAX_PAYLOAD_BYTES - 4


def test_a_drop_request_names_first_and_last() -> None:
    assert encode_drop_request_body(0x7FFF_FFFF, 4) == words(0x7FFF_FFFF, 4)
    assert decode_drop_request(words(0x7FFF_FFFF, 4)) == (0x7FFF_FFFF, 4)
    assert decode_drop_request(words(4, 4) + b"more") == (4, 4)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (words(1) + b"abc", "short_drop_request"),
        (words(0x8000_0001, 2), "drop_seqno_out_of_range"),
        (words(1, 0x8000_0002), "drop_seqno_out_of_range"),
        (words(2, 1), "reversed_drop_range"),
    ],
)
def test_a_malformed_drop_request_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as error:
        decode_drop_request(body)
    assert reason_of(error) == reason


def test_an_encrypted_message_has_its_key_s_parity() -> None:
    assert [message_word(1, key_parity=parity) >> 24 for parity in (0, 1, 2)] == [0xE0, 0xE8, 0xF0]
    assert [Header(0, message_word(1, key_parity=parity), 0, 0).key_parity for parity in range(4)] == [0, 1, 2, 3]


def test_a_user_defined_control_packet_has_a_subtype() -> None:
    datagram = encode_control(ControlType.USER_DEFINED, timestamp_us=0, dst_socket_id=1, subtype=3)
    assert datagram[:4].hex() == "ffff0003"
    assert (decode_header(datagram).control_type, decode_header(datagram).control_subtype) == (0x7FFF, 3)


def test_a_loss_report_is_filled_to_its_last_word() -> None:
    singles = [(number, number) for number in range(0, 2 * MAX_LOSS_REPORT_WORDS + 2, 2)]
    assert decode_loss_report(encode_loss_report(singles)) == singles[:MAX_LOSS_REPORT_WORDS]
