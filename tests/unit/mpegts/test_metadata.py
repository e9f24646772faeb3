from typing import cast

import pytest

from headrace.base.errors import PacketError
from headrace.mpegts.id3 import PrivateFrame, TextFrame, UserTextFrame, decode_id3, encode_id3
from headrace.mpegts.metadata import MAX_CAPTURE_UNIX_US, JsonValue, Metadata, decode_metadata, encode_metadata

FULL = Metadata(
    "Bridge", {"place": "Wehr", "lens": "35 mm"}, {"speed": 3.5, "tags": ["a", None]}, 1_700_000_000_123_456
)


def test_everything_comes_back() -> None:
    assert decode_metadata(encode_metadata(FULL)) == FULL


def test_each_part_has_its_agreed_frame() -> None:
    assert decode_id3(encode_metadata(FULL)) == [
        TextFrame("TIT2", "Bridge"),
        UserTextFrame("place", "Wehr"),
        UserTextFrame("lens", "35 mm"),
        UserTextFrame("application/json", '{"speed":3.5,"tags":["a",null]}'),
        PrivateFrame("headrace.capture-time", (1_700_000_000_123_456).to_bytes(8, "big")),
    ]


def test_only_what_says_something_is_true() -> None:
    assert not Metadata()
    assert all([Metadata(title=""), Metadata(facts={"a": ""}), Metadata(data={}), Metadata(capture_unix_us=0)])


@pytest.mark.parametrize("capture_unix_us", [-1, MAX_CAPTURE_UNIX_US + 1])
def test_a_capture_time_that_does_not_fit_is_refused(capture_unix_us: int) -> None:
    encode_metadata(Metadata(capture_unix_us=MAX_CAPTURE_UNIX_US))
    with pytest.raises(ValueError, match="capture time"):
        encode_metadata(Metadata(capture_unix_us=capture_unix_us))


def test_a_fact_cannot_pass_as_data() -> None:
    with pytest.raises(ValueError, match="application/json"):
        encode_metadata(Metadata(facts={"application/json": "{}"}))


def test_data_has_to_be_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_metadata(Metadata(data={"x": float("nan")}))
    with pytest.raises(TypeError):
        encode_metadata(Metadata(data={"x": cast("JsonValue", b"bytes")}))


@pytest.mark.parametrize("text", ["{", "[1]", "7", "[" * 50_000, '{"a":1}x'])
def test_what_is_not_a_json_object_is_left_out(text: str) -> None:
    tag = encode_id3([TextFrame("TIT2", "t"), UserTextFrame("application/json", text)])
    assert decode_metadata(tag) == Metadata(title="t")


@pytest.mark.parametrize("content", [b"", bytes(7), bytes(9), b"\x80" + bytes(7)])
def test_a_capture_time_of_the_wrong_form_is_left_out(content: bytes) -> None:
    assert decode_metadata(encode_id3([PrivateFrame("headrace.capture-time", content)])) == Metadata()


def test_of_other_writers_tags_the_texts_are_facts() -> None:
    tag = encode_id3([TextFrame("TPE1", "Someone"), PrivateFrame("com.apple", bytes(8)), UserTextFrame("k", "v")])
    assert decode_metadata(tag) == Metadata(facts={"TPE1": "Someone", "k": "v"})


def test_what_is_no_tag_is_a_packet_error() -> None:
    with pytest.raises(PacketError):
        decode_metadata(b"nothing")
