import pytest

from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.sdp.answer import HostCandidate
from headrace.webrtc.sdp.fragment import Fragment, decode_fragment, encode_fragment
from headrace.webrtc.sdp.lines import SdpError
from headrace.webrtc.sdp.offer import MAX_CANDIDATES

TEXT = (
    "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n"
    "a=end-of-candidates\r\n"
)


def test_a_fragment_as_in_the_rfc() -> None:
    fragment = decode_fragment(TEXT)
    assert fragment.ice == IceCredentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    assert len(fragment.candidates) == 1
    assert fragment.is_end


def test_names_may_stand_in_the_media_section() -> None:
    section = TEXT.split("\r\n")
    moved = "\r\n".join([*section[2:4], *section[:2]])
    assert decode_fragment(moved) == Fragment(IceCredentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1"), (), is_end=False)


@pytest.mark.parametrize("text", ["", "hello", TEXT.replace("ice-pwd", "ice"), "a=ice-ufrag:x\r\n"])
def test_what_does_not_say_for_which_session_it_is_is_refused(text: str) -> None:
    with pytest.raises(SdpError) as caught:
        decode_fragment(text)
    assert caught.value.reason == "no_ice"


def test_candidates_are_bounded() -> None:
    head = TEXT.replace("a=candidate:1387637174", "a=x:")
    assert len(decode_fragment(head + "a=candidate:1\r\n" * MAX_CANDIDATES).candidates) == MAX_CANDIDATES
    with pytest.raises(SdpError):
        decode_fragment(head + "a=candidate:1\r\n" * (MAX_CANDIDATES + 1))


def test_an_answer_can_be_read_again() -> None:
    ice = IceCredentials("wxyz", "q" * 24)
    text = encode_fragment(ice=ice, candidates=[HostCandidate("192.0.2.1", 8889)], mid="v")
    assert decode_fragment(text) == Fragment(ice, ("1 1 udp 2130706431 192.0.2.1 8889 typ host",), is_end=True)
    assert "a=mid:v\r\n" in text
