"""Stream ids: their bytes on the wire and what they ask for."""

import pytest

from headrace.base.errors import PacketError
from headrace.srt.stream_id import (
    MAX_STREAM_ID_BYTES,
    AccessRequest,
    decode_stream_id_words,
    encode_stream_id_words,
    format_stream_id,
    parse_stream_id,
)


def test_each_word_is_reversed_and_the_last_is_padded() -> None:
    assert encode_stream_id_words("abcdef") == b"dcba" + b"\0\0fe"
    assert decode_stream_id_words(b"dcba\0\0fe") == "abcdef"


def test_a_text_of_whole_words_has_no_padding() -> None:
    assert encode_stream_id_words("abcd") == b"dcba"
    assert encode_stream_id_words("") == b""


def test_text_is_utf_8() -> None:
    assert decode_stream_id_words(encode_stream_id_words("Wasserfälle")) == "Wasserfälle"


def test_512_bytes_fit_and_513_do_not() -> None:
    assert len(encode_stream_id_words("x" * MAX_STREAM_ID_BYTES)) == 512
    with pytest.raises(ValueError, match="at most 512 bytes, this one has 513"):
        encode_stream_id_words("x" * 513)
    assert decode_stream_id_words(b"x" * 512) == "x" * 512


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x" * 516, "stream_id_too_long"),
        (b"abcde", "stream_id_not_words"),
        (b"\xff\xff\xff\xff", "stream_id_not_utf8"),
    ],
)
def test_malformed_bytes_say_why(body: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as error:
        decode_stream_id_words(body)
    assert error.value.reason == reason


def test_access_control_syntax_is_understood() -> None:
    request = parse_stream_id("#!::r=cam1,m=publish,u=ann,s=7f,k=secret")
    assert request == AccessRequest("cam1", "publish", "ann", "7f", {"k": "secret"})


def test_a_missing_mode_means_receiving() -> None:
    assert parse_stream_id("#!::r=cam1") == AccessRequest("cam1")
    assert parse_stream_id("#!::") == AccessRequest("")
    assert parse_stream_id("") == AccessRequest("")


def test_spaces_and_empty_items_are_skipped() -> None:
    assert parse_stream_id("#!::r = cam1 ,, m=request,") == AccessRequest("cam1")


def test_a_value_may_hold_an_equals_sign() -> None:
    assert parse_stream_id("#!::r=a=b").resource == "a=b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cam1", AccessRequest("cam1")),
        ("publish:cam1", AccessRequest("cam1", "publish")),
        ("request:cam1", AccessRequest("cam1")),
        ("read:cam1", AccessRequest("cam1")),
        ("studio:cam1", AccessRequest("studio:cam1")),
        ("publish", AccessRequest("publish")),
    ],
)
def test_short_forms_are_understood(text: str, expected: AccessRequest) -> None:
    assert parse_stream_id(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [("#!::r", "stream_id_key_without_value"), ("#!::r=a,m=record", "stream_id_bad_mode")],
)
def test_what_cannot_be_understood_says_why(text: str, reason: str) -> None:
    with pytest.raises(PacketError) as error:
        parse_stream_id(text)
    assert error.value.reason == reason


def test_a_request_is_written_in_access_control_syntax() -> None:
    request = AccessRequest("cam1", "publish", "ann", None, {"k": "v"})
    assert format_stream_id(request) == "#!::r=cam1,m=publish,u=ann,k=v"
    assert parse_stream_id(format_stream_id(request)) == request


def test_a_comma_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="take it out of r=a,b"):
        format_stream_id(AccessRequest("a,b"))


def test_a_written_request_has_512_bytes_at_most() -> None:
    room = 512 - len("#!::r=,m=request")
    assert len(format_stream_id(AccessRequest("x" * room))) == 512
    with pytest.raises(ValueError, match="this one has 513"):
        format_stream_id(AccessRequest("x" * (room + 1)))
