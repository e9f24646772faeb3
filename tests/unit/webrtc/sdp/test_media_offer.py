import pytest

from headrace.webrtc.sdp.lines import SdpError, Section, decode_sections
from headrace.webrtc.sdp.media_offer import MAX_PAYLOAD_TYPES, MAX_RIDS, MediaOffer, decode_media


def media(*lines: str, line: str = "video 9 UDP/TLS/RTP/SAVPF 96 97", session: str = "") -> MediaOffer:
    text = "\n".join(["v=0", session, f"m={line}", *lines])
    own, section = decode_sections(text)
    return decode_media(section, own, 3)


def test_a_codec_has_all_that_stands_about_it_in_many_lines() -> None:
    offer = media(
        "a=rtpmap:96 H264/90000",
        "a=fmtp:96 Packetization-Mode=1; profile-level-id=42e01f",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:* ccm fir",
        "a=rtcp-fb:97 transport-cc",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
    )
    (codec,) = offer.codecs
    assert (codec.payload_type, codec.name, codec.clock_hz, codec.channels) == (96, "h264", 90_000, 1)
    assert codec.parameters == {"packetization-mode": "1", "profile-level-id": "42e01f"}
    assert codec.feedback == {"nack", "nack pli", "ccm fir"}
    assert codec.rtx_payload_type == 97


def test_codecs_are_in_the_order_of_the_media_line() -> None:
    offer = media("a=rtpmap:96 A/1", "a=rtpmap:97 B/2/2", "a=rtpmap:98 C/3", line="video 9 X 97 96 97")
    assert [(codec.name, codec.channels) for codec in offer.codecs] == [("b", 2), ("a", 1)]


@pytest.mark.parametrize(
    ("lines", "session", "sends", "receives"),
    [
        ([], "", True, True),
        (["a=sendonly"], "", True, False),
        ([], "a=recvonly", False, True),
        (["a=inactive"], "a=sendrecv", False, False),
    ],
)
def test_a_direction_may_hold_for_the_whole_session(
    lines: list[str], session: str, sends: bool, receives: bool
) -> None:
    offer = media(*lines, session=session)
    assert (offer.sends, offer.receives) == (sends, receives)


def test_a_section_of_port_0_is_not_meant_unless_it_is_bundled() -> None:
    assert media(line="video 0 X 96").is_refused
    assert not media("a=bundle-only", line="video 0 X 96").is_refused
    assert not media().is_refused


def test_a_section_without_a_name_has_its_number_and_bad_names_are_none() -> None:
    assert media().mid == "3"
    assert media("a=mid:v").mid == "v"
    assert media("a=mid:two words").mid == "3"
    assert media("a=mid:" + "x" * 65).mid == "3"


def test_layers_are_those_of_simulcast_that_are_described() -> None:
    lines = ["a=rid:h send", "a=rid:m send pt=96", "a=rid:l recv", "a=rid:x"]
    assert media(*lines, "a=simulcast:recv h send h,z;~m;l;q").rids == ("h", "m")
    assert media(*lines).rids == ()
    assert media(*lines, "a=simulcast:send").rids == ()
    many = [f"a=rid:{number} send" for number in range(9)]
    assert len(media(*many, "a=simulcast:send 0;1;2;3;4;5;6;7;8").rids) == MAX_RIDS


def test_extensions_and_streams_are_listed() -> None:
    offer = media(
        "a=extmap:3/sendonly urn:x", "a=extmap:4 urn:y", "a=extmap:0 urn:z", "a=extmap:7",
        "a=ssrc:5 cname:a", "a=ssrc:5 msid:b", "a=ssrc:6 cname:a", "a=ssrc:99999999999 cname:a",
    )  # fmt: skip
    assert offer.extensions == {"urn:x": 3, "urn:y": 4}
    assert offer.ssrcs == (5, 6)


@pytest.mark.parametrize("line", ["video", "video 9 X", "video nine X 96", "video 65536 X 96"])
def test_a_media_line_that_is_not_whole_is_an_error(line: str) -> None:
    with pytest.raises(SdpError) as caught:
        media(line=line)
    assert caught.value.reason == "bad_media_line"


def test_payload_types_are_bounded() -> None:
    types = " ".join(["96"] * MAX_PAYLOAD_TYPES)
    assert media(line=f"video 9 X {types}").codecs == ()
    with pytest.raises(SdpError) as caught:
        decode_media(Section(f"video 9 X {types} 96"), Section(""), 0)
    assert caught.value.reason == "too_many_codecs"
