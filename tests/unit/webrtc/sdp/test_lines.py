import pytest

from headrace.webrtc.sdp.lines import (
    MAX_LINES,
    MAX_SDP_BYTES,
    MAX_SECTIONS,
    SdpError,
    decode_number,
    decode_sections,
)


def test_lines_are_parted_into_sections() -> None:
    session, video, audio = decode_sections(
        "v=0\r\na=group:BUNDLE 0 1\r\nm=video 9 X 96\r\na=mid:0\r\nm=audio 9 X 0\n"
    )
    assert session.first("group") == "BUNDLE 0 1"
    assert (video.media, video.first("mid"), video.has("sendonly")) == ("video 9 X 96", "0", False)
    assert (audio.media, audio.attributes) == ("audio 9 X 0", [])


def test_an_attribute_may_come_often_and_have_colons_or_no_value() -> None:
    (session,) = decode_sections("v=0\na=x:1:2\na=x: 3 \na=y\nnonsense\n")
    assert session.all("x") == ["1:2", "3"]
    assert session.first("y") == ""


@pytest.mark.parametrize("text", ["", "hello", "{}", "m=video 9 X 96\n"])
def test_what_does_not_begin_like_one_is_none(text: str) -> None:
    with pytest.raises(SdpError, match="v=0") as caught:
        decode_sections(text)
    assert caught.value.reason == "not_sdp"


@pytest.mark.parametrize(
    ("fits", "too_much"),
    [
        ("v=0\n".ljust(MAX_SDP_BYTES, "\n")[: 4 + MAX_LINES - 1], "v=0\n" + "\n" * MAX_LINES),
        ("v=0\n" + "m=a 0 b 0\n" * MAX_SECTIONS, "v=0\n" + "m=a 0 b 0\n" * (MAX_SECTIONS + 1)),
        ("v=0\na=" + "x" * 4_094, "v=0\na=" + "x" * 4_095),
        ("v=0\n" + ("a=" + "x" * 1021 + "\n") * 63, "v=0\n" + ("a=" + "x" * 1021 + "\n") * 64),
    ],
)
def test_lines_sections_and_length_have_limits(fits: str, too_much: str) -> None:
    decode_sections(fits)
    with pytest.raises(SdpError):
        decode_sections(too_much)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("127", 127),
        ("128", None),
        ("-1", None),
        ("", None),
        ("1_0", None),
        ("٣", None),
        ("9" * 5000, None),
    ],
)
def test_numbers_are_plain_and_bounded(text: str, number: int | None) -> None:
    assert decode_number(text, most=127) == number
