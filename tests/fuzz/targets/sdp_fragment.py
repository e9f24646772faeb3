"""Trickle ICE fragments of strangers."""

from random import Random

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong

from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.sdp.answer import HostCandidate
from headrace.webrtc.sdp.fragment import decode_fragment, encode_fragment
from headrace.webrtc.sdp.lines import SdpError
from headrace.webrtc.sdp.offer import MAX_CANDIDATES


def run(data: bytes) -> int:
    """Decode a fragment."""
    try:
        fragment = decode_fragment(data.decode("utf-8", "replace"))
    except SdpError as error:
        assert error.reason.isidentifier()
        return len(data)
    assert len(fragment.candidates) <= MAX_CANDIDATES
    again = encode_fragment(ice=fragment.ice, candidates=[], mid="0")
    assert decode_fragment(again).ice == fragment.ice
    return 2 * len(data)


def seeds() -> list[bytes]:
    """Return fragments as browsers send them."""
    ice = IceCredentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    hosts = [HostCandidate("192.0.2.1", 61_764), HostCandidate("2001:db8::1", 9)]
    return [encode_fragment(ice=ice, candidates=hosts[:count], mid="0").encode() for count in range(3)]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the fragment with a byte or two wrong."""
    return make_wrong(data, random)


TARGET = Target(run, seeds, wrong, max_bytes=4_096)
