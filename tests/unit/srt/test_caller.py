"""The caller: what it asks, how often, and what it makes of each answer."""

from dataclasses import replace

import pytest
from tests.support.srt_datagrams import THERE, control, data

from headrace.srt.caller import REPEAT_US, Caller, CallerOptions, ConnectTimeoutError, HandshakeError
from headrace.srt.connection import ConnectionParameters
from headrace.srt.handshake import (
    SRT_MAGIC,
    UDT_DATAGRAM,
    ExtensionFlags,
    Handshake,
    HandshakeType,
    LiveCapabilities,
    decode_handshake,
    encode_handshake,
)
from headrace.srt.key_agreement import agree_on_keys
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.packet import decode_header
from headrace.srt.rejection import ConnectionRejectedError
from headrace.srt.session_keys import SessionKeys

CALLER_ID, LISTENER_ID, SEQNO = 0x2222, 0x1111, 0x7FFF_FFF0
START_US = 5_000_000


PASSPHRASE = "correct horse battery"


def caller(**options: object) -> Caller:
    return Caller(
        CallerOptions(**options),  # type: ignore[arg-type]
        socket_id=CALLER_ID,
        initial_seqno=SEQNO,
        now_us=START_US,
        key_seed=bytes(range(32)),
    )


def poll(machine: Caller, now_us: int = START_US) -> Handshake:
    """Return the one handshake that the caller sends."""
    machine.handle_timer(now_us)
    (datagram,) = machine.poll_datagrams()
    header = decode_header(datagram)
    assert (header.word0, header.word1, header.dst_socket_id) == (0x8000_0000, 0, 0)
    assert header.timestamp_us == now_us - START_US
    return decode_handshake(datagram[16:])


def answer(machine: Caller, handshake: Handshake, now_us: int = START_US, *, timestamp_us: int = 0) -> None:
    datagram = control(0, encode_handshake(handshake, response=True), timestamp_us=timestamp_us, to=CALLER_ID)
    machine.handle_datagram(datagram, now_us)


INDUCTION_ANSWER = Handshake(5, 0, SRT_MAGIC, SEQNO, 1500, 8192, HandshakeType.INDUCTION, CALLER_ID, cookie=99)
CONCLUSION_ANSWER = Handshake(
    version=5,
    encryption_field=0,
    extension_field=ExtensionFlags.HSREQ,
    initial_seqno=SEQNO,
    mss_bytes=1360,
    flow_window_packets=5_000,
    handshake_type=HandshakeType.CONCLUSION,
    socket_id=LISTENER_ID,
    cookie=99,
    capabilities=LiveCapabilities(0x10501, receiver_latency_ms=300, sender_latency_ms=50),
)


def concluding(**options: object) -> Caller:
    """Return a caller that has sent its conclusion."""
    machine = caller(**options)
    poll(machine)
    answer(machine, INDUCTION_ANSWER)
    machine.poll_datagrams()
    return machine


def test_the_first_packet_is_an_induction_of_version_4() -> None:
    handshake = poll(caller(flow_window_packets=4_000))
    assert handshake == Handshake(4, 0, UDT_DATAGRAM, SEQNO, 1500, 4_000, HandshakeType.INDUCTION, CALLER_ID)


def test_an_induction_without_answer_is_repeated_every_250_ms() -> None:
    machine = caller()
    first = poll(machine)
    assert machine.poll_timer() == START_US + REPEAT_US
    machine.handle_timer(START_US + REPEAT_US - 1)
    assert machine.poll_datagrams() == []
    assert poll(machine, START_US + REPEAT_US) == first


def test_the_conclusion_follows_the_cookie_at_once() -> None:
    machine = caller(stream_id="publish:cam1", receive_latency_ms=80, peer_latency_ms=250)
    poll(machine)
    answer(machine, INDUCTION_ANSWER, START_US + 30_000)
    (datagram,) = machine.poll_datagrams()
    assert decode_header(datagram) == (0x8000_0000, 0, 30_000, 0)
    handshake = decode_handshake(datagram[16:])
    assert (handshake.version, handshake.cookie) == (5, 99)
    assert handshake.handshake_type == HandshakeType.CONCLUSION
    assert handshake.extension_field == ExtensionFlags.HSREQ | ExtensionFlags.CONFIG
    assert handshake.stream_id == "publish:cam1"
    assert handshake.capabilities == LiveCapabilities(receiver_latency_ms=80, sender_latency_ms=250)
    assert machine.poll_timer() == START_US + 30_000 + REPEAT_US


def test_a_conclusion_without_answer_is_repeated() -> None:
    machine = concluding()
    again = poll(machine, START_US + REPEAT_US)
    assert again.handshake_type == HandshakeType.CONCLUSION
    assert again.extension_field == ExtensionFlags.HSREQ
    assert again.stream_id is None


def test_the_answer_makes_a_connection_with_what_was_agreed_on() -> None:
    machine = concluding(stream_id="cam1", receive_latency_ms=80, peer_latency_ms=250)
    answer(machine, CONCLUSION_ANSWER, START_US + 60_000, timestamp_us=1_234)
    assert machine.error is None
    assert machine.connection is not None
    agreed = machine.connection.parameters
    assert (agreed.socket_id, agreed.peer_socket_id) == (CALLER_ID, LISTENER_ID)
    assert (agreed.send_seqno, agreed.receive_seqno) == (SEQNO, SEQNO)
    assert (agreed.epoch_us, agreed.peer_timestamp_us, agreed.established_us) == (
        START_US,
        1_234,
        START_US + 60_000,
    )
    assert (agreed.receive_latency_us, agreed.send_latency_us) == (80_000, 300_000)
    assert (agreed.peer_window_packets, agreed.max_payload_bytes) == (5_000, 1316)
    assert (agreed.stream_id, agreed.peer_version) == ("cam1", 0x10501)
    assert machine.poll_timer() is None


def test_the_listener_may_ask_for_more_latency_than_we() -> None:
    machine = concluding(receive_latency_ms=80)
    live = LiveCapabilities(receiver_latency_ms=0, sender_latency_ms=400)
    answer(machine, replace(CONCLUSION_ANSWER, capabilities=live))
    assert machine.connection is not None
    assert machine.connection.parameters.receive_latency_us == 400_000


@pytest.mark.parametrize(("mss_bytes", "payload_bytes"), [(0, 56), (99, 56), (100, 56), (101, 57), (9000, 1456)])
def test_an_absurd_mss_leaves_room_for_a_payload(mss_bytes: int, payload_bytes: int) -> None:
    machine = concluding()
    answer(machine, replace(CONCLUSION_ANSWER, mss_bytes=mss_bytes, flow_window_packets=0))
    assert machine.connection is not None
    assert machine.connection.parameters.max_payload_bytes == payload_bytes
    assert machine.connection.parameters.peer_window_packets == 2


def test_the_listener_s_sequence_number_is_taken_with_31_bits() -> None:
    machine = concluding()
    answer(machine, replace(CONCLUSION_ANSWER, initial_seqno=0x8000_0007))
    assert machine.connection is not None
    assert machine.connection.parameters.receive_seqno == 7


@pytest.mark.parametrize("code", [1010, 2404, 3017])
@pytest.mark.parametrize("state", ["induction", "conclusion"])
def test_a_refusal_ends_the_attempt_with_its_code(code: int, state: str) -> None:
    machine = caller() if state == "induction" else concluding()
    answer(machine, replace(CONCLUSION_ANSWER, handshake_type=code))
    assert isinstance(machine.error, ConnectionRejectedError)
    assert machine.error.code == code
    assert machine.poll_timer() is None


@pytest.mark.parametrize("changes", [{"version": 4}, {"extension_field": 0x4A18}])
def test_a_listener_of_another_version_is_no_srt_listener(changes: dict[str, int]) -> None:
    machine = caller()
    answer(machine, replace(INDUCTION_ANSWER, **changes))  # type: ignore[arg-type]
    assert isinstance(machine.error, HandshakeError)


def test_an_answer_without_capabilities_makes_no_connection() -> None:
    machine = concluding()
    answer(machine, replace(CONCLUSION_ANSWER, capabilities=None))
    assert isinstance(machine.error, HandshakeError)
    assert machine.connection is None


def test_a_malformed_answer_to_us_says_so() -> None:
    machine = concluding()
    body = encode_handshake(CONCLUSION_ANSWER, response=True)[:-1]
    machine.handle_datagram(control(0, body, to=CALLER_ID), START_US)
    assert isinstance(machine.error, HandshakeError)
    assert "extension_over_the_end" in str(machine.error)


def test_nobody_is_waited_for_longer_than_the_timeout() -> None:
    machine = caller(connect_timeout_us=1_000_000)
    poll(machine)
    machine.handle_timer(START_US + 999_999)
    assert machine.error is None
    assert machine.poll_timer() == START_US + 1_000_000
    machine.handle_timer(START_US + 1_000_000)
    assert isinstance(machine.error, ConnectTimeoutError)
    assert "within 1000 ms" in str(machine.error)
    machine.poll_datagrams()
    machine.handle_timer(START_US + 2_000_000)
    assert machine.poll_datagrams() == []


def test_what_is_no_answer_to_us_is_counted_and_changes_nothing() -> None:
    machine = concluding()
    body = encode_handshake(CONCLUSION_ANSWER, response=True)
    for datagram in (b"", b"short", data(SEQNO, to=CALLER_ID), control(2, to=CALLER_ID), control(0, body, to=7)):
        machine.handle_datagram(datagram, START_US)
    assert machine.error is None
    assert machine.connection is None
    assert machine.ignored_packets == {"short_header": 2, "no_handshake": 2, "foreign_socket_id": 1}


def test_answers_out_of_turn_change_nothing() -> None:
    machine = caller()
    answer(machine, CONCLUSION_ANSWER)
    assert machine.connection is None
    answer(machine, INDUCTION_ANSWER)
    machine.poll_datagrams()
    answer(machine, replace(INDUCTION_ANSWER, cookie=1))
    assert machine.poll_datagrams() == []
    assert poll(machine, START_US + REPEAT_US).cookie == 99


def test_a_doubled_answer_keeps_the_connection_that_there_is() -> None:
    machine = concluding()
    answer(machine, CONCLUSION_ANSWER)
    connection = machine.connection
    answer(machine, replace(CONCLUSION_ANSWER, socket_id=1))
    answer(machine, replace(CONCLUSION_ANSWER, handshake_type=1002))
    assert machine.connection is connection
    assert machine.error is None


def test_a_stream_id_that_is_too_long_is_refused_before_anything_is_sent() -> None:
    caller(stream_id="x" * 512)
    with pytest.raises(ValueError, match="at most 512 bytes"):
        caller(stream_id="x" * 513)


def test_caller_and_listener_agree_on_everything() -> None:
    machine = caller(stream_id="cam1", receive_latency_ms=80, peer_latency_ms=250)
    server = Listener(ListenerOptions(receive_latency_ms=120, peer_latency_ms=100), bytes(16))
    parameters = None
    for _ in range(2):
        machine.handle_timer(START_US)
        for datagram in machine.poll_datagrams():
            reply = server.handle_handshake(decode_header(datagram), datagram[16:], THERE, START_US)
            if isinstance(reply, ConnectionRequest):
                reply, parameters = server.accept(reply, LISTENER_ID, START_US)
            assert isinstance(reply, bytes)
            machine.handle_datagram(reply, START_US)
    assert machine.connection is not None
    assert parameters is not None
    ours = machine.connection.parameters
    assert (ours.socket_id, ours.peer_socket_id) == (parameters.peer_socket_id, parameters.socket_id)
    assert (ours.send_seqno, ours.receive_seqno) == (parameters.receive_seqno, parameters.send_seqno)
    assert ours.receive_latency_us == parameters.send_latency_us == 100_000
    assert ours.send_latency_us == parameters.receive_latency_us == 250_000
    assert ours.stream_id == parameters.stream_id == "cam1"


def test_neither_options_nor_parameters_show_a_stream_id_which_may_hold_a_key() -> None:
    options = CallerOptions(stream_id="hrk_secret")
    parameters = ConnectionParameters(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, stream_id="hrk_secret")
    assert "hrk" not in repr(options) + repr(parameters)


@pytest.mark.parametrize("key_length_bytes", [16, 24, 32])
def test_a_passphrase_sends_a_new_key_with_the_conclusion(key_length_bytes: int) -> None:
    machine = caller(passphrase=PASSPHRASE, key_length_bytes=key_length_bytes, stream_id="cam1")
    assert poll(machine).encryption_field == 0
    answer(machine, replace(INDUCTION_ANSWER, encryption_field=3))  # what a listener would like changes nothing
    (datagram,) = machine.poll_datagrams()
    handshake = decode_handshake(datagram[16:])
    assert handshake.encryption_field == key_length_bytes // 8
    assert handshake.extension_field == ExtensionFlags.HSREQ | ExtensionFlags.KMREQ | ExtensionFlags.CONFIG
    keys = agree_on_keys(handshake, PASSPHRASE)
    assert isinstance(keys, SessionKeys)
    assert keys.key_length_bytes == key_length_bytes
    answer(machine, replace(CONCLUSION_ANSWER, key_material=handshake.key_material))
    assert machine.connection is not None
    assert machine.connection.parameters.keys == keys
    assert machine.connection.sealing is not None


def test_another_seed_makes_other_keys() -> None:
    made = [
        Caller(CallerOptions(passphrase=PASSPHRASE), socket_id=1, initial_seqno=1, now_us=0, key_seed=seed)
        for seed in (bytes(32), b"x" * 32)
    ]
    conclusions = []
    for machine in made:
        machine.handle_timer(0)
        machine.poll_datagrams()
        machine.handle_datagram(control(0, encode_handshake(INDUCTION_ANSWER, response=True), to=1), 0)
        conclusions.append(decode_handshake(machine.poll_datagrams()[0][16:]).key_material)
    assert conclusions[0] != conclusions[1]


@pytest.mark.parametrize(
    ("key_material", "code", "words"),
    [
        (None, 1011, "the listener has no passphrase for this"),
        (bytes.fromhex("03000000"), 1011, "the listener has no passphrase for this"),
        (bytes.fromhex("04000000"), 1010, "the passphrase is wrong"),
        (bytes.fromhex("00000004"), 1010, "the passphrase is wrong"),
        (bytes(72), 1011, "the listener has no passphrase for this"),
    ],
)
def test_whoever_does_not_confirm_the_key_is_left(key_material: bytes | None, code: int, words: str) -> None:
    machine = concluding(passphrase=PASSPHRASE)
    answer(machine, replace(CONCLUSION_ANSWER, key_material=key_material))
    assert machine.connection is None
    assert isinstance(machine.error, ConnectionRejectedError)
    assert machine.error.code == code
    assert words in str(machine.error)
    (goodbye,) = machine.poll_datagrams()
    assert decode_header(goodbye)[0] == 0x8005_0000
    assert decode_header(goodbye).dst_socket_id == LISTENER_ID


@pytest.mark.parametrize(
    ("passphrase", "words"),
    [(PASSPHRASE, "the listener has no passphrase for this"), (None, "the listener wants a passphrase")],
)
def test_a_refusal_for_want_of_encryption_says_on_which_side(passphrase: str | None, words: str) -> None:
    machine = concluding(passphrase=passphrase)
    answer(machine, replace(CONCLUSION_ANSWER, handshake_type=1011))
    assert words in str(machine.error)


def test_a_listener_that_would_encrypt_lets_a_caller_without_passphrase_in() -> None:
    machine = concluding()
    answer(machine, replace(CONCLUSION_ANSWER, key_material=bytes.fromhex("03000000")))
    assert machine.connection is not None
    assert machine.connection.parameters.keys is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"passphrase": "too short"}, "10 to 79 bytes"),
        ({"passphrase": PASSPHRASE, "key_length_bytes": 17}, "16, 24, 32"),
    ],
)
def test_what_no_key_can_be_made_of_is_an_error_at_once(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        caller(**options)


def test_a_passphrase_without_a_seed_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="a seed of keys has 32 bytes"):
        Caller(CallerOptions(passphrase=PASSPHRASE), socket_id=1, initial_seqno=1, now_us=0)


def test_a_passphrase_does_not_show() -> None:
    assert PASSPHRASE not in repr(CallerOptions(passphrase=PASSPHRASE))
