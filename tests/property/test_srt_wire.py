"""SRT packets: what is written is read, in range, and whatever is read is read without a crash."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK, seqno_distance
from headrace.srt.handshake import (
    Handshake,
    HandshakeType,
    LiveCapabilities,
    SrtFlags,
    decode_handshake,
    encode_handshake,
)
from headrace.srt.packet import (
    MAX_LOSS_REPORT_WORDS,
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
from headrace.srt.stream_id import (
    AccessRequest,
    decode_stream_id_words,
    encode_stream_id_words,
    format_stream_id,
    parse_stream_id,
)

WORDS = st.integers(0, 0xFFFF_FFFF)
SEQNOS = st.one_of(st.integers(0, SEQNO_MASK), st.integers(SEQNO_MASK - 5, SEQNO_MASK), st.integers(0, 5))
RANGES = st.tuples(SEQNOS, st.one_of(st.integers(0, 3), st.integers(0, (1 << 30) - 1))).map(
    lambda made: (made[0], (made[0] + made[1]) & SEQNO_MASK)
)
HALVES = st.integers(0, 0xFFFF)


@given(seqno=SEQNOS, number=WORDS, resent=st.booleans(), timestamp_us=st.integers(), to=WORDS)
def test_data_headers(seqno: int, number: int, resent: bool, timestamp_us: int, to: int) -> None:
    word = message_word(number, retransmitted=resent)
    encoded = encode_data_header(seqno=seqno, message_word=word, timestamp_us=timestamp_us, dst_socket_id=to)
    header = decode_header(encoded)
    assert len(encoded) == 16
    assert not header.is_control
    assert header == (seqno, word, timestamp_us % (1 << 32), to)
    assert word >> 26 == (0b111001 if resent else 0b111000)


@given(kind=st.sampled_from(ControlType), info=WORDS, timestamp_us=st.integers(), to=WORDS, body=st.binary())
def test_control_packets(kind: ControlType, info: int, timestamp_us: int, to: int, body: bytes) -> None:
    encoded = encode_control(kind, timestamp_us=timestamp_us, dst_socket_id=to, info=info, body=body)
    header = decode_header(encoded)
    assert header.is_control
    assert header.control_type == kind
    assert header[1:] == (info, timestamp_us % (1 << 32), to)
    assert encoded[16:] == (body or bytes(4))


@given(number=WORDS, values=st.lists(WORDS, min_size=7, max_size=7), seqno=SEQNOS, is_light=st.booleans())
def test_acknowledgements(number: int, values: list[int], seqno: int, is_light: bool) -> None:
    ack = Acknowledgement(number, seqno) if is_light else Acknowledgement(number, seqno, *values[1:])
    body = encode_ack_body(ack)
    assert len(body) == (4 if is_light else 28)
    assert decode_ack(Header(0x8002_0000, number, 0, 0), body) == ack


@given(st.lists(RANGES, min_size=1, max_size=400))
def test_loss_reports(ranges: list[tuple[int, int]]) -> None:
    body = encode_loss_report(ranges)
    assert len(body) <= 4 * MAX_LOSS_REPORT_WORDS
    decoded = decode_loss_report(body)
    assert decoded == ranges[: len(decoded)]
    assert len(decoded) == len(ranges) or len(body) > 4 * (MAX_LOSS_REPORT_WORDS - 2)


@given(RANGES)
def test_drop_requests(dropped: tuple[int, int]) -> None:
    assert decode_drop_request(encode_drop_request_body(*dropped)) == dropped


def refusal(decode: Callable[[bytes], object], body: bytes) -> str | None:
    """Return the reason why ``decode`` refuses ``body``, or None."""
    try:
        decode(body)
    except PacketError as error:
        return error.reason
    return None


@given(st.binary(max_size=200))
def test_whatever_decodes_is_in_range(body: bytes) -> None:
    def check(ranges: list[tuple[int, int]]) -> None:
        assert ranges
        assert all(0 <= seqno <= SEQNO_MASK for found in ranges for seqno in found)
        assert all(seqno_distance(first, last) >= 0 for first, last in ranges)

    def check_ack(ack: Acknowledgement) -> None:
        assert 0 <= ack.next_seqno <= SEQNO_MASK

    assert refusal(lambda data: check(decode_loss_report(data)), body) != ""
    assert refusal(lambda data: check([decode_drop_request(data)]), body) != ""
    reason = refusal(lambda data: check_ack(decode_ack(Header(0x8002_0000, 0, 0, 0), data)), body)
    assert reason in {None, "short_ack", "ack_seqno_out_of_range"}


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=120)
CAPABILITIES = st.builds(LiveCapabilities, WORDS, st.integers(0, 255).map(SrtFlags), HALVES, HALVES)
HANDSHAKES = st.builds(
    Handshake,
    version=st.just(5),
    encryption_field=HALVES,
    extension_field=HALVES,
    initial_seqno=WORDS,
    mss_bytes=WORDS,
    flow_window_packets=WORDS,
    handshake_type=st.just(int(HandshakeType.CONCLUSION)),
    socket_id=WORDS,
    cookie=WORDS,
    peer_address=st.binary(min_size=16, max_size=16),
    capabilities=st.none() | CAPABILITIES,
    key_material=st.none() | st.binary(max_size=25).map(lambda body: body * 4),
    stream_id=st.none() | TEXTS.filter(bool),
    congestion=st.sampled_from([None, "live", "file"]),
)


@given(HANDSHAKES, st.booleans())
def test_handshakes(handshake: Handshake, response: bool) -> None:
    encoded = encode_handshake(handshake, response=response)
    assert len(encoded) % 4 == 0
    assert decode_handshake(encoded) == handshake


@given(HANDSHAKES, st.data())
def test_a_damaged_handshake_is_read_or_refused_with_a_reason(handshake: Handshake, data: st.DataObject) -> None:
    encoded = bytearray(encode_handshake(handshake))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(encoded)))
    reason = refusal(decode_handshake, bytes(encoded[:cut]))
    assert (cut >= 48) or reason == "short_handshake"


@given(TEXTS)
def test_stream_id_words(text: str) -> None:
    encoded = encode_stream_id_words(text)
    assert len(encoded) % 4 == 0
    assert decode_stream_id_words(encoded) == text


@given(st.binary(max_size=600))
def test_any_bytes_are_a_stream_id_or_have_a_reason_not_to_be(body: bytes) -> None:
    reason = refusal(decode_stream_id_words, body)
    assert reason is None or reason.startswith("stream_id_")
    assert reason is not None or len(decode_stream_id_words(body).encode()) <= 512


@given(st.one_of(st.text(), st.text().map(lambda text: "#!::" + text)))
def test_any_text_is_parsed_or_has_a_reason_not_to_be(text: str) -> None:
    def check(body: bytes) -> None:
        assert parse_stream_id(body.decode()).mode in {"request", "publish", "bidirectional"}

    reason = refusal(check, text.encode())
    assert reason is None or reason.startswith("stream_id_")


NAMES = st.from_regex(r"[A-Za-z0-9._~-]{1,20}", fullmatch=True)


@given(
    NAMES, st.sampled_from(["request", "publish", "bidirectional"]), st.none() | NAMES, NAMES,
    st.dictionaries(st.sampled_from(["g", "h", "standby"]), NAMES),
)  # fmt: skip
def test_access_requests(
    resource: str, mode: str, user: str | None, credential: str, extra: dict[str, str]
) -> None:
    request = AccessRequest(resource, mode, user, extra=extra, credential=credential)  # type: ignore[arg-type]
    assert parse_stream_id(format_stream_id(request)) == request
