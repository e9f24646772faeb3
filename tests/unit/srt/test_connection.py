"""A whole connection: what is said, when it ends, and what is dropped under which name."""

from dataclasses import replace

import pytest
from tests.support.srt_datagrams import (
    PARAMETERS,
    PEER_SOCKET_ID,
    SOCKET_ID,
    control,
    data,
    kind_of,
    mirrored,
    of_kind,
    words,
)

from headrace.base.errors import LocalProtocolError, PacketError
from headrace.srt.connection import KEEPALIVE_US, Connection
from headrace.srt.key_exchange import KMREQ, KMRSP, KeyRefresh
from headrace.srt.key_material import make_keys
from headrace.srt.packet import MAX_PAYLOAD_BYTES, ControlType, decode_header
from headrace.srt.packet_cipher import PacketCipher
from headrace.srt.receiver import Arrival
from headrace.srt.session_keys import KeySource

EPOCH_US = PARAMETERS.epoch_us
LATENCY_US = PARAMETERS.receive_latency_us


def connection(**changes: int) -> Connection:
    return Connection(replace(PARAMETERS, **changes))  # type: ignore[arg-type]


def test_a_payload_leaves_at_once_in_one_packet() -> None:
    here = connection()
    here.send(b"hello", EPOCH_US + 70)
    assert here.poll_datagrams() == [words(100, 0xE000_0000 | 101, 70, PEER_SOCKET_ID) + b"hello"]
    assert here.poll_datagrams() == []


def test_a_resent_packet_is_marked_and_keeps_its_stamp_and_message_number() -> None:
    here = connection()
    here.send(b"hello", EPOCH_US + 70)
    (first,) = here.poll_datagrams()
    here.handle_datagram(control(ControlType.NAK, words(100)), EPOCH_US + 90_000)
    assert here.poll_datagrams() == [first[:4] + words(0xE400_0000 | 101) + first[8:]]


def test_sequence_numbers_and_timestamps_wrap_on_the_wire() -> None:
    here = connection(send_seqno=0x7FFF_FFFF, epoch_us=0)
    here.send(b"a", (1 << 32) - 1)
    here.send(b"b", 1 << 32)
    headers = [decode_header(datagram) for datagram in here.poll_datagrams()]
    assert [(header.word0, header.timestamp_us) for header in headers] == [(0x7FFF_FFFF, 0xFFFF_FFFF), (0, 0)]
    assert all(header.word1 >> 26 == 0b111000 for header in headers)


def test_what_was_made_before_the_epoch_is_stamped_0() -> None:
    here = connection()
    here.send(b"early", EPOCH_US - 5)
    assert decode_header(here.poll_datagrams()[0]).timestamp_us == 0


@pytest.mark.parametrize("length_bytes", [1, MAX_PAYLOAD_BYTES])
def test_payloads_at_the_limits_are_sent(length_bytes: int) -> None:
    here = connection()
    here.send(bytes(length_bytes), EPOCH_US)
    assert len(here.poll_datagrams()[0]) == 16 + length_bytes


@pytest.mark.parametrize("length_bytes", [0, MAX_PAYLOAD_BYTES + 1])
def test_payloads_beyond_the_limits_are_our_own_mistake(length_bytes: int) -> None:
    with pytest.raises(LocalProtocolError, match="1 to 1456 bytes"):
        connection().send(bytes(length_bytes), EPOCH_US)


def test_data_is_delivered_after_the_latency() -> None:
    here = connection()
    here.handle_datagram(data(500, b"one", timestamp_us=1_000), EPOCH_US + 2_000)
    assert here.poll_delivery_timer() == EPOCH_US + 1_000 + LATENCY_US
    assert here.poll_deliveries(EPOCH_US + 1_000 + LATENCY_US - 1) == []
    (delivery,) = here.poll_deliveries(EPOCH_US + 1_000 + LATENCY_US)
    assert delivery.payload == b"one"


def test_data_is_acknowledged_on_our_clock_to_the_peer() -> None:
    here = connection()
    here.handle_datagram(data(500), EPOCH_US)
    assert here.poll_timer() == EPOCH_US + 10_000
    here.handle_timer(EPOCH_US + 10_000)
    (ack,) = here.poll_datagrams()
    assert decode_header(ack) == (0x8002_0000, 1, 10_000, PEER_SOCKET_ID)
    assert ack[16:20] == words(501)


def test_every_full_ack_is_answered_with_its_number_and_no_light_one_is() -> None:
    here = connection()
    here.handle_datagram(control(ControlType.ACK, words(100)), EPOCH_US + 5)
    assert here.poll_datagrams() == []
    here.handle_datagram(control(ControlType.ACK, words(100, 9_000, 1_000, 50), info=33), EPOCH_US + 5)
    assert here.poll_datagrams() == [words(0x8006_0000, 33, 5, PEER_SOCKET_ID, 0)]
    assert here.statistics.sender.ackacks_sent_packets == 1
    assert (here.statistics.rtt_us, here.statistics.rtt_variance_us) == (9_000, 1_000)


def test_a_side_that_receives_reports_the_round_trip_that_it_measures() -> None:
    here = connection()
    here.handle_datagram(control(ControlType.ACK, words(100, 9_000, 1_000, 50), info=33), EPOCH_US)
    here.handle_datagram(data(500), EPOCH_US)
    here.handle_timer(EPOCH_US + 10_000)
    here.handle_datagram(control(ControlType.ACKACK, info=1, timestamp_us=20_000), EPOCH_US + 22_000)
    assert here.statistics.rtt_us == 12_000


def test_a_gap_is_reported_to_the_peer() -> None:
    here = connection()
    here.handle_datagram(data(502), EPOCH_US)
    assert here.poll_datagrams() == [words(0x8003_0000, 0, 0, PEER_SOCKET_ID, 0x8000_01F4, 501)]


def test_what_is_given_up_is_announced() -> None:
    here = connection()
    here.send(b"x", EPOCH_US)
    here.poll_datagrams()
    here.handle_timer(EPOCH_US + 1_000_001)
    (request,) = of_kind(here.poll_datagrams(), ControlType.DROP_REQUEST)
    assert request[16:] == words(100, 100)


def test_a_drop_request_is_obeyed() -> None:
    here = connection()
    here.handle_datagram(data(502), EPOCH_US)
    here.handle_datagram(control(ControlType.DROP_REQUEST, words(500, 501)), EPOCH_US)
    assert len(here.receiver.losses) == 0


def test_a_lost_tail_is_probed() -> None:
    here = connection()
    here.send(b"a", EPOCH_US)
    here.send(b"b", EPOCH_US)
    here.poll_datagrams()
    due_us = here.poll_timer()
    assert due_us == EPOCH_US + 300_000
    here.handle_timer(due_us)
    (probe,) = here.poll_datagrams()
    assert decode_header(probe)[:2] == (101, 0xE400_0000 | 102)


def test_a_silent_side_says_keepalive_once_a_second() -> None:
    here = connection()
    assert here.poll_timer() == EPOCH_US + KEEPALIVE_US
    here.handle_timer(EPOCH_US + KEEPALIVE_US - 1)
    assert here.poll_datagrams() == []
    here.handle_timer(EPOCH_US + KEEPALIVE_US)
    (keepalive,) = here.poll_datagrams()
    assert decode_header(keepalive) == (0x8001_0000, 0, KEEPALIVE_US, PEER_SOCKET_ID)
    assert here.poll_timer() == EPOCH_US + 2 * KEEPALIVE_US


def test_who_has_just_spoken_says_no_keepalive() -> None:
    here = connection()
    here.send(b"x", EPOCH_US + 900_000)
    here.poll_datagrams()
    here.handle_timer(EPOCH_US + KEEPALIVE_US)
    assert of_kind(here.poll_datagrams(), ControlType.KEEPALIVE) == []


def test_a_peer_that_is_silent_for_5_s_is_gone() -> None:
    here = connection()
    here.handle_datagram(control(ControlType.KEEPALIVE), EPOCH_US + 1_000_000)
    here.handle_timer(EPOCH_US + 5_999_999)
    assert here.close_reason is None
    here.handle_timer(EPOCH_US + 6_000_000)
    assert here.close_reason == "timeout"
    assert here.poll_timer() is None


@pytest.mark.parametrize(
    "datagram",
    [
        data(500),
        control(ControlType.KEEPALIVE),
        control(ControlType.ACK, words(100)),
        control(ControlType.HANDSHAKE),
        control(ControlType.CONGESTION_WARNING),
        control(ControlType.NAK),
    ],
)
def test_whatever_the_peer_says_shows_that_it_lives(datagram: bytes) -> None:
    here = connection()
    here.handle_datagram(datagram, EPOCH_US + 77)
    assert here.heard_us == EPOCH_US + 77


def test_a_shutdown_ends_the_connection_and_what_came_is_still_delivered() -> None:
    here = connection()
    here.handle_datagram(data(500, b"last"), EPOCH_US)
    here.handle_datagram(control(ControlType.SHUTDOWN, bytes(4)), EPOCH_US)
    assert here.close_reason == "peer_shutdown"
    assert here.poll_timer() is None
    assert [item.payload for item in here.poll_deliveries(EPOCH_US + LATENCY_US)] == [b"last"]


def test_a_peer_error_ends_the_connection() -> None:
    here = connection()
    here.handle_datagram(control(ControlType.PEER_ERROR, info=4000), EPOCH_US)
    assert here.close_reason == "peer_error"


def test_closing_tells_the_peer_once() -> None:
    here = connection()
    here.close(EPOCH_US + 9)
    here.close(EPOCH_US + 10)
    assert here.poll_datagrams() == [words(0x8005_0000, 0, 9, PEER_SOCKET_ID, 0)]
    assert here.close_reason == "closed"


def test_after_the_end_nothing_is_said_or_taken() -> None:
    here = connection()
    here.send(b"x", EPOCH_US)
    here.close(EPOCH_US)
    here.poll_datagrams()
    here.handle_datagram(control(ControlType.NAK, words(100)), EPOCH_US)
    here.handle_datagram(control(ControlType.SHUTDOWN), EPOCH_US)
    here.handle_timer(EPOCH_US + 10_000_000)
    assert here.poll_datagrams() == []
    assert here.close_reason == "closed"
    with pytest.raises(LocalProtocolError, match="has ended"):
        here.send(b"y", EPOCH_US)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "short_header"),
        (bytes(15), "short_header"),
        (data(500, to=SOCKET_ID + 1), "foreign_socket_id"),
        (control(ControlType.SHUTDOWN, to=SOCKET_ID + 1), "foreign_socket_id"),
        (data(500, b""), "empty_payload"),
        (data(500, bytes(MAX_PAYLOAD_BYTES + 1)), "payload_too_long"),
        (data(500, word1=0xA000_0001), "partial_message"),
        (data(500, word1=0x6000_0001), "partial_message"),
        (data(500, word1=0x2000_0001), "partial_message"),
        (data(500, word1=0xE800_0001), "encrypted_without_key"),
        (data(500, word1=0xF000_0001), "encrypted_without_key"),
        (control(ControlType.ACK), "short_ack"),
        (control(ControlType.ACK, words(0x8000_0000)), "ack_seqno_out_of_range"),
        (control(ControlType.NAK), "empty_nak"),
        (control(ControlType.NAK, words(0x8000_0000)), "truncated_nak_range"),
        (control(ControlType.NAK, words(0x8000_0009, 1)), "reversed_nak_range"),
        (control(ControlType.DROP_REQUEST), "short_drop_request"),
        (control(ControlType.DROP_REQUEST, words(2, 1)), "reversed_drop_range"),
        (control(9), "unknown_control_type"),
        (control(ControlType.USER_DEFINED), "unexpected_extension"),
        (control(ControlType.USER_DEFINED, words(0x1220_2901), subtype=KMREQ), "unexpected_extension"),
        (control(ControlType.USER_DEFINED, words(0x1220_2901), subtype=KMRSP), "unexpected_extension"),
    ],
)
def test_what_is_wrong_is_dropped_under_its_name(datagram: bytes, reason: str) -> None:
    here = connection()
    here.handle_datagram(datagram, EPOCH_US)
    assert here.statistics.ignored_packets == {reason: 1}
    assert here.close_reason is None
    assert here.poll_datagrams() == []
    assert here.statistics.receiver.received_packets == 0


def test_a_payload_of_the_largest_size_is_taken() -> None:
    here = connection()
    here.handle_datagram(data(500, bytes(MAX_PAYLOAD_BYTES)), EPOCH_US)
    assert here.statistics.receiver.unique_packets == 1


def test_unordered_and_resent_packets_are_data_like_any_other() -> None:
    here = connection()
    here.handle_datagram(data(500, word1=0xC000_0001), EPOCH_US)
    here.handle_datagram(data(501, word1=0xE400_0002), EPOCH_US)
    assert here.statistics.receiver.unique_packets == 2


def test_data_can_be_handed_in_with_its_payload_kept_elsewhere() -> None:
    here = connection()
    header = decode_header(data(500))
    assert here.handle_data(header, b"", EPOCH_US, payload_bytes=1316) is Arrival.NEW
    assert here.handle_data(header, b"", EPOCH_US, payload_bytes=1316) is Arrival.DUPLICATE
    assert here.statistics.receiver.received_payload_bytes == 2632
    for length_bytes, reason in ((0, "empty_payload"), (MAX_PAYLOAD_BYTES + 1, "payload_too_long")):
        with pytest.raises(PacketError) as error:
            here.handle_data(header, b"", EPOCH_US, payload_bytes=length_bytes)
        assert error.value.reason == reason


def test_handed_in_data_is_answered_after_a_flush() -> None:
    here = connection()
    here.handle_data(decode_header(data(501)), b"x", EPOCH_US)
    assert here.poll_datagrams() == []
    here.flush(EPOCH_US)
    assert [kind_of(datagram) for datagram in here.poll_datagrams()] == [ControlType.NAK]


def test_gauges_are_of_this_moment() -> None:
    here = connection()
    here.send(b"x", EPOCH_US)
    here.handle_datagram(data(500), EPOCH_US)
    assert (here.statistics.send_buffer_packets, here.statistics.receive_buffer_packets) == (1, 1)
    here.handle_datagram(control(ControlType.ACK, words(101)), EPOCH_US)
    here.poll_deliveries(EPOCH_US + LATENCY_US)
    assert (here.statistics.send_buffer_packets, here.statistics.receive_buffer_packets) == (0, 0)


KEYS = make_keys("correct horse battery", 16, KeySource(bytes(32)))
CIPHER = PacketCipher(KEYS.even or b"", KEYS.salt)
SECURED = replace(PARAMETERS, keys=KEYS, key_refresh=KeyRefresh(period_packets=4, announce_packets=2))


def secured() -> Connection:
    return Connection(SECURED, KeySource(b"s" * 32))


def test_a_payload_leaves_sealed_with_the_even_key() -> None:
    here = secured()
    here.send(b"hello", EPOCH_US + 70)
    (datagram,) = here.poll_datagrams()
    assert datagram[:16] == words(100, 0xE800_0000 | 101, 70, PEER_SOCKET_ID)
    assert datagram[16:] == CIPHER.apply(100, b"hello") != b"hello"


def test_a_resent_packet_is_the_same_but_for_its_mark() -> None:
    here = secured()
    here.send(b"hello", EPOCH_US + 70)
    (first,) = here.poll_datagrams()
    here.handle_datagram(control(ControlType.NAK, words(100)), EPOCH_US + 90_000)
    assert here.poll_datagrams() == [first[:4] + words(0xEC00_0000 | 101) + first[8:]]


def test_a_sealed_packet_is_delivered_clear() -> None:
    here = secured()
    here.handle_datagram(data(500, CIPHER.apply(500, b"hello"), word1=0xE800_0001), EPOCH_US)
    assert [item.payload for item in here.poll_deliveries(EPOCH_US + LATENCY_US)] == [b"hello"]


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (data(500), "clear_on_secured_link"),
        (data(500, word1=0xF000_0001), "no_such_key"),
        (data(500, word1=0xF800_0001), "no_such_key"),
        (control(ControlType.USER_DEFINED, subtype=KMREQ), "short_key_material"),
        (control(ControlType.USER_DEFINED, bytes(40), subtype=KMRSP), "key_answer_mismatch"),
        (control(ControlType.USER_DEFINED, bytes(40), subtype=5), "unexpected_extension"),
    ],
)
def test_what_is_wrong_on_a_secured_link_is_dropped_under_its_name(datagram: bytes, reason: str) -> None:
    here = secured()
    here.handle_datagram(datagram, EPOCH_US)
    assert here.statistics.ignored_packets == {reason: 1}
    assert here.statistics.receiver.received_packets == 0
    assert here.poll_datagrams() == []


def test_a_payload_kept_elsewhere_is_opened_there_and_its_key_is_checked_here() -> None:
    here = secured()
    header = decode_header(data(500, word1=0xE800_0001))
    assert here.handle_data(header, b"", EPOCH_US, payload_bytes=9) is Arrival.NEW
    with pytest.raises(PacketError, match="clear_on_secured_link"):
        here.handle_data(decode_header(data(501)), b"", EPOCH_US, payload_bytes=9)


def test_two_ends_follow_each_other_through_many_keys() -> None:
    here, there = secured(), Connection(mirrored(SECURED), KeySource(b"t" * 32))
    parities, now_us = [], EPOCH_US
    for number in range(40):
        now_us += 100_000
        here.send(b"%d" % number, now_us)
        for datagram in here.poll_datagrams():
            if kind_of(datagram) is None:
                parities.append(decode_header(datagram).key_parity)
            there.handle_datagram(datagram, now_us)
        for datagram in there.poll_datagrams():
            here.handle_datagram(datagram, now_us)
    assert parities == [1, 1, 1, 1, 2, 2, 2, 2] * 5
    assert [item.payload for item in there.poll_deliveries(now_us + LATENCY_US)] == [b"%d" % n for n in range(40)]
    assert not there.statistics.ignored_packets


def test_an_announcement_without_answer_wakes_the_connection_up_to_repeat_it() -> None:
    here = secured()
    for number in range(2):
        here.send(b"%d" % number, EPOCH_US)
    announcement = here.poll_datagrams()[-1]
    assert announcement[:4] == words(0xFFFF_0003)
    due_us = here.poll_timer()
    assert due_us is not None
    assert due_us < EPOCH_US + KEEPALIVE_US
    while not any(datagram[16:] == announcement[16:] for datagram in here.poll_datagrams()):
        due_us = here.poll_timer()
        assert due_us is not None
        assert due_us < EPOCH_US + KEEPALIVE_US
        here.handle_timer(due_us)


def test_a_secured_link_without_a_source_of_keys_sends_nothing() -> None:
    here = Connection(SECURED)
    with pytest.raises(LocalProtocolError, match="source of keys"):
        here.send(b"x", EPOCH_US)


def test_no_secret_shows() -> None:
    shown = repr(SECURED)
    assert "keys=" not in shown
    assert repr(KEYS.even) not in shown
