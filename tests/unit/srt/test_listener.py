"""The listener: no state before a good cookie, the same answer to a repeated question, every refusal."""

from dataclasses import replace

import pytest
from tests.support.answers import remembered
from tests.support.libsrt_captures import CAPTURES, PASSPHRASE, Capture
from tests.support.srt_datagrams import HERE, THERE, control

from headrace.base.sockaddr import encode_sockaddr
from headrace.srt.handshake import (
    LIVE_FLAGS,
    SRT_MAGIC,
    UDT_DATAGRAM,
    ExtensionFlags,
    Handshake,
    HandshakeType,
    LiveCapabilities,
    SrtFlags,
    decode_handshake,
    encode_handshake,
)
from headrace.srt.key_agreement import agree_on_keys
from headrace.srt.listener import (
    MAX_REFUSALS_TOLD,
    MIN_MSS_BYTES,
    ConnectionRequest,
    Listener,
    ListenerOptions,
)
from headrace.srt.packet import Header, decode_header
from headrace.srt.recent_answers import COOKIE_MINUTE_US
from headrace.srt.rejection import RejectReason
from headrace.srt.session_keys import SessionKeys

SECRET = bytes(range(16))
CALLER_ID, OUR_ID = 0x2222, 0x1111
NOW_US = 90 * COOKIE_MINUTE_US
HEADER = Header(0x8000_0000, 0, 3_000, 0)

INDUCTION = Handshake(4, 0, UDT_DATAGRAM, 77, 1500, 8192, HandshakeType.INDUCTION, CALLER_ID)
CONCLUSION = replace(
    INDUCTION,
    version=5,
    extension_field=ExtensionFlags.HSREQ | ExtensionFlags.CONFIG,
    handshake_type=HandshakeType.CONCLUSION,
    capabilities=LiveCapabilities(0x10501, LIVE_FLAGS, receiver_latency_ms=80, sender_latency_ms=250),
    stream_id="cam1",
)
ENCRYPTED = replace(
    CONCLUSION,
    extension_field=CONCLUSION.extension_field | ExtensionFlags.KMREQ,
    key_material=CAPTURES[0].handshake_key_material,
)


def listener(**options: object) -> Listener:
    return Listener(ListenerOptions(**options), SECRET)  # type: ignore[arg-type]


def ask(
    server: Listener, handshake: Handshake, *, address: bytes = THERE, now_us: int = NOW_US, extra: bytes = b""
) -> bytes | ConnectionRequest | None:
    return server.handle_handshake(HEADER, encode_handshake(handshake) + extra, address, now_us)


def with_cookie(server: Listener, handshake: Handshake = CONCLUSION, *, now_us: int = NOW_US) -> Handshake:
    answer = ask(server, INDUCTION, now_us=now_us)
    assert isinstance(answer, bytes)
    return replace(handshake, cookie=decode_handshake(answer[16:]).cookie)


def request(server: Listener, handshake: Handshake = CONCLUSION, *, now_us: int = NOW_US) -> ConnectionRequest:
    made = ask(server, with_cookie(server, handshake, now_us=now_us), now_us=now_us)
    assert isinstance(made, ConnectionRequest)
    return made


def refusal_code(answer: bytes | ConnectionRequest | None) -> int | None:
    assert isinstance(answer, bytes)
    assert decode_header(answer).dst_socket_id == CALLER_ID
    return decode_handshake(answer[16:]).rejection_code


def test_an_induction_is_answered_in_version_5_with_magic_and_cookie() -> None:
    answer = ask(listener(flow_window_packets=5_000), INDUCTION)
    assert isinstance(answer, bytes)
    assert decode_header(answer) == (0x8000_0000, 0, 0, CALLER_ID)
    handshake = decode_handshake(answer[16:])
    assert handshake.cookie != 0
    assert replace(handshake, cookie=0) == replace(
        INDUCTION,
        version=5,
        extension_field=SRT_MAGIC,
        flow_window_packets=5_000,
        peer_address=bytes.fromhex("0200000a" + 24 * "0"),
    )


def test_an_induction_leaves_no_trace_and_its_answer_is_no_longer_than_itself() -> None:
    server = listener()
    for port in range(1, 500):
        answer = ask(server, INDUCTION, address=encode_sockaddr("10.0.0.9", port))
        assert isinstance(answer, bytes)
        assert len(answer) == 16 + 48
    assert remembered(server._answers) == 0


def test_an_mss_over_an_ethernet_frame_is_cut_and_a_smaller_one_kept() -> None:
    for mss_bytes, expected in ((9000, 1500), (1360, 1360)):
        answer = ask(listener(), replace(INDUCTION, mss_bytes=mss_bytes))
        assert isinstance(answer, bytes)
        assert decode_handshake(answer[16:]).mss_bytes == expected


def test_a_good_cookie_makes_a_request() -> None:
    server = listener()
    asked = request(server)
    assert (asked.address, asked.timestamp_us, asked.stream_id) == (THERE, 3_000, "cam1")
    assert asked.capabilities.sender_latency_ms == 250


def test_a_caller_without_stream_id_asks_for_nothing_by_name() -> None:
    server = listener()
    assert request(server, replace(CONCLUSION, stream_id=None)).stream_id == ""


def test_a_cookie_is_good_in_its_minute_and_the_next_and_no_longer() -> None:
    server = listener()
    asked = with_cookie(server)
    last_us = NOW_US + 2 * COOKIE_MINUTE_US - 1
    assert isinstance(ask(server, asked, now_us=last_us), ConnectionRequest)
    assert ask(server, asked, now_us=last_us + 1) is None
    assert server.ignored_packets == {"bad_cookie": 1}


def test_a_cookie_from_the_minute_to_come_is_not_good() -> None:
    server = listener()
    asked = with_cookie(server, now_us=NOW_US)
    assert ask(server, asked, now_us=NOW_US - 1) is None


@pytest.mark.parametrize(
    "address", [HERE, encode_sockaddr("10.0.0.2", 6001), encode_sockaddr("::ffff:10.0.0.2", 6000)]
)
def test_a_cookie_is_good_for_its_address_alone(address: bytes) -> None:
    server = listener()
    assert ask(server, with_cookie(server), address=address) is None
    assert server.ignored_packets == {"bad_cookie": 1}


def test_another_secret_makes_other_cookies() -> None:
    asked = with_cookie(listener())
    assert ask(Listener(ListenerOptions(), SECRET[::-1]), asked) is None


def test_no_cookie_at_all_gets_no_answer() -> None:
    server = listener()
    assert ask(server, CONCLUSION) is None
    assert server.ignored_packets == {"bad_cookie": 1}


def test_an_accepted_caller_gets_its_own_sequence_number_and_the_larger_latencies() -> None:
    server = listener(receive_latency_ms=120, peer_latency_ms=100, flow_window_packets=5_000)
    answer, parameters = server.accept(request(server), OUR_ID, NOW_US + 40)
    header, handshake = decode_header(answer), decode_handshake(answer[16:])
    assert (header.dst_socket_id, header.timestamp_us) == (CALLER_ID, 0)
    assert handshake.socket_id == OUR_ID
    assert handshake.initial_seqno == 77
    assert handshake.extension_field == ExtensionFlags.HSREQ
    assert handshake.capabilities == LiveCapabilities(
        receiver_latency_ms=250, sender_latency_ms=100, flags=LIVE_FLAGS
    )
    assert handshake.stream_id is None
    assert answer[16 + 48 :][:2].hex() == "0002"
    assert (parameters.send_seqno, parameters.receive_seqno) == (77, 77)
    assert (parameters.receive_latency_us, parameters.send_latency_us) == (250_000, 100_000)
    assert (parameters.epoch_us, parameters.peer_timestamp_us) == (NOW_US + 40, 3_000)
    assert (parameters.peer_window_packets, parameters.flow_window_packets) == (8192, 5_000)
    assert (parameters.max_payload_bytes, parameters.stream_id) == (1456, "cam1")
    assert parameters.peer_version == 0x10501


def test_a_caller_that_names_live_congestion_control_reads_it_in_the_answer() -> None:
    server = listener()
    answer, _ = server.accept(request(server, replace(CONCLUSION, congestion="live")), OUR_ID, NOW_US)
    handshake = decode_handshake(answer[16:])
    assert handshake.congestion == "live"
    assert handshake.extension_field == ExtensionFlags.HSREQ | ExtensionFlags.CONFIG


def test_a_key_length_without_key_material_is_no_wish_for_encryption() -> None:
    server = listener()
    answer, _ = server.accept(request(server, replace(CONCLUSION, encryption_field=2)), OUR_ID, NOW_US)
    assert decode_handshake(answer[16:]).encryption_field == 0


def test_a_small_mss_limits_payloads() -> None:
    server = listener()
    _, parameters = server.accept(request(server, replace(CONCLUSION, mss_bytes=1360)), OUR_ID, NOW_US)
    assert parameters.max_payload_bytes == 1316


def test_a_repeated_conclusion_gets_the_same_answer_with_a_fresh_timestamp() -> None:
    server = listener()
    asked = with_cookie(server)
    first = ask(server, asked)
    assert isinstance(first, ConnectionRequest)
    answer, _ = server.accept(first, OUR_ID, NOW_US)
    again = ask(server, asked, now_us=NOW_US + 5_000)
    assert isinstance(again, bytes)
    assert decode_header(again).timestamp_us == 5_000
    assert again[:8] + again[12:] == answer[:8] + answer[12:]


def test_callers_behind_one_address_are_told_apart_by_their_socket_ids() -> None:
    server = listener()
    server.accept(request(server), OUR_ID, NOW_US)
    assert isinstance(ask(server, with_cookie(server, replace(CONCLUSION, socket_id=9))), ConnectionRequest)


def test_a_caller_that_began_anew_with_the_same_socket_id_is_a_new_request() -> None:
    server = listener()
    server.accept(request(server), OUR_ID, NOW_US)
    assert isinstance(ask(server, with_cookie(server, replace(CONCLUSION, initial_seqno=5))), ConnectionRequest)


def ended(server: Listener) -> Handshake:
    """Let a connection begin and end; return its conclusion."""
    asked = with_cookie(server)
    server.accept(request(server), OUR_ID, NOW_US)
    server.forget(OUR_ID, NOW_US)
    server.forget(OUR_ID, NOW_US)
    return asked


def test_a_conclusion_that_comes_after_the_connections_end_opens_no_other_one() -> None:
    server = listener()
    asked = ended(server)
    assert ask(server, asked) is None
    assert server.ignored_packets == {"ended_connection": 1}


def test_the_same_socket_may_call_again_after_its_connections_end() -> None:
    server = listener()
    ended(server)
    assert isinstance(ask(server, with_cookie(server, replace(CONCLUSION, initial_seqno=5))), ConnectionRequest)


def test_a_caller_may_be_asked_for_more_latency_than_others() -> None:
    server = listener()
    _, parameters = server.accept(request(server), OUR_ID, NOW_US, peer_latency_ms=5_000)
    assert parameters.send_latency_us == 5_000_000


BLOCK_OF_A_FILTER = bytes.fromhex("00070001") + b",cef"
BLOCK_OF_A_GROUP = bytes.fromhex("00080001") + bytes(4)


@pytest.mark.parametrize(
    ("changes", "extra", "reason"),
    [
        ({"version": 4}, b"", RejectReason.VERSION),
        ({"capabilities": None}, b"", RejectReason.ROGUE),
        ({"initial_seqno": 0x7FFF_FFFF}, b"", RejectReason.ROGUE),
        ({"mss_bytes": MIN_MSS_BYTES - 1}, b"", RejectReason.ROGUE),
        ({"flow_window_packets": 1}, b"", RejectReason.ROGUE),
        (
            {"capabilities": LiveCapabilities(flags=LIVE_FLAGS | SrtFlags.STREAM)},
            b"",
            RejectReason.MESSAGE_API,
        ),
        ({"congestion": "file"}, b"", RejectReason.CONGESTION),
        ({}, BLOCK_OF_A_FILTER, RejectReason.FILTER),
        ({}, BLOCK_OF_A_GROUP, RejectReason.GROUP),
    ],
)
def test_what_cannot_become_a_connection_is_refused_with_its_code(
    changes: dict[str, object], extra: bytes, reason: RejectReason
) -> None:
    server = listener()
    asked = replace(with_cookie(server), **changes)  # type: ignore[arg-type]
    assert refusal_code(ask(server, asked, extra=extra)) == reason


def test_a_caller_without_socket_id_is_refused() -> None:
    server = listener()
    answer = ask(server, replace(with_cookie(server), socket_id=0))
    assert isinstance(answer, bytes)
    assert decode_handshake(answer[16:]).rejection_code == RejectReason.ROGUE
    [(refused, reason)] = server.poll_refusals()
    assert (refused.address, reason) == (THERE, RejectReason.ROGUE)
    assert server.poll_refusals() == []


def test_of_many_refusals_the_newest_are_told() -> None:
    server = listener()
    for _ in range(MAX_REFUSALS_TOLD + 1):
        ask(server, replace(with_cookie(server), socket_id=0))
    assert len(server.poll_refusals()) == MAX_REFUSALS_TOLD


@pytest.mark.parametrize(
    "changes",
    [{"initial_seqno": 0x7FFF_FFFE}, {"mss_bytes": MIN_MSS_BYTES}, {"flow_window_packets": 2}],
)
def test_values_at_their_limits_are_taken(changes: dict[str, int]) -> None:
    server = listener()
    assert isinstance(ask(server, replace(with_cookie(server), **changes)), ConnectionRequest)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [RejectReason.NOT_FOUND, RejectReason.CONFLICT, 3017])
def test_a_refusal_carries_any_code_and_no_blocks(code: int) -> None:
    server = listener()
    answer = server.reject(request(server), code)
    assert refusal_code(answer) == code
    assert len(answer) == 16 + 48
    assert decode_handshake(answer[16:]).extension_field == 0


def test_a_refused_caller_may_ask_again() -> None:
    server = listener()
    asked = with_cookie(server)
    first = ask(server, asked)
    assert isinstance(first, ConnectionRequest)
    server.reject(first, RejectReason.OVERLOAD)
    assert isinstance(ask(server, asked), ConnectionRequest)


@pytest.mark.parametrize("kind", [HandshakeType.WAVEHAND, HandshakeType.AGREEMENT, HandshakeType.DONE, 1002])
def test_other_handshakes_get_no_answer(kind: int) -> None:
    server = listener()
    assert ask(server, replace(CONCLUSION, handshake_type=kind)) is None
    assert server.ignored_packets == {"unexpected_handshake_type": 1}


def test_a_malformed_handshake_is_counted_under_its_reason() -> None:
    server = listener()
    assert server.handle_handshake(HEADER, control(0)[16:], THERE, NOW_US) is None
    assert ask(server, CONCLUSION, extra=bytes.fromhex("0001ffff")) is None
    assert server.ignored_packets == {"short_handshake": 1, "extension_over_the_end": 1}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: str(8 * capture.key_length_bytes))
def test_key_material_is_answered_with_its_exact_echo_and_the_length_of_its_key(capture: Capture) -> None:
    server = listener()
    asked = request(server, replace(ENCRYPTED, key_material=capture.handshake_key_material))
    keys = agree_on_keys(asked.handshake, PASSPHRASE)
    assert isinstance(keys, SessionKeys)
    answer, parameters = server.accept(asked, OUR_ID, NOW_US, keys=keys)
    handshake = decode_handshake(answer[16:])
    assert handshake.key_material == capture.handshake_key_material
    assert handshake.extension_field == ExtensionFlags.HSREQ | ExtensionFlags.KMREQ
    assert handshake.encryption_field == capture.key_length_bytes // 8
    assert answer[16 + 48 + 4 + 12 :][:2].hex() == "0004"  # KMRSP: a KMREQ in its place is fatal
    assert parameters.keys is keys
    repeated = ask(server, replace(asked.handshake), now_us=NOW_US + 300_000)
    assert isinstance(repeated, bytes)
    assert repeated[16:] == answer[16:]


def test_key_material_that_the_flags_do_not_announce_is_passed_over_as_libsrt_does() -> None:
    asked = request(listener(), replace(ENCRYPTED, extension_field=CONCLUSION.extension_field))
    assert asked.handshake.key_material is None


def test_a_clear_connection_echoes_no_key_material() -> None:
    server = listener()
    asked = request(server, ENCRYPTED)
    answer, parameters = server.accept(asked, OUR_ID, NOW_US)
    handshake = decode_handshake(answer[16:])
    assert (handshake.key_material, handshake.encryption_field, parameters.keys) == (None, 0, None)


@pytest.mark.parametrize("key_length_bytes", [0, 16, 24, 32])
def test_an_induction_answer_names_the_key_length_that_is_wanted(key_length_bytes: int) -> None:
    answer = ask(listener(key_length_bytes=key_length_bytes), INDUCTION)
    assert isinstance(answer, bytes)
    assert decode_handshake(answer[16:]).encryption_field == key_length_bytes // 8


def test_a_refusal_repeats_no_key_material() -> None:
    server = listener()
    asked = request(server, ENCRYPTED)
    assert asked.handshake.key_material == ENCRYPTED.key_material
    assert len(server.reject(asked, RejectReason.BAD_SECRET)) == 16 + 48
