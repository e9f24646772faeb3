"""Trickle ICE fragments: what a PATCH to a WHIP or WHEP session brings, and what an ICE restart is answered with.

Source: RFC 8840, 9 (application/trickle-ice-sdpfrag); RFC 9725, 4.3.
"""

from dataclasses import dataclass

from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.sdp.answer import HostCandidate
from headrace.webrtc.sdp.lines import SdpError, decode_sections
from headrace.webrtc.sdp.offer import MAX_CANDIDATES, decode_credentials


@dataclass(frozen=True, slots=True)
class Fragment:
    """More about how somebody can be reached.

    Attributes:
        ice: The name and password that the candidates are for; others than before ask for an ICE restart.
        candidates: As they stand behind ``a=candidate:``.
        is_end: No more will follow.
    """

    ice: IceCredentials
    candidates: tuple[str, ...]
    is_end: bool


def decode_fragment(text: str) -> Fragment:
    """Decode a fragment.

    Raises:
        SdpError: It is none, or says not for which ICE session it is.
    """
    sections = decode_sections(text, fragment=True)
    values = {
        name: next((value for section in sections if (value := section.first(name))), "")
        for name in ("ice-ufrag", "ice-pwd")
    }
    candidates = [value for section in sections for value in section.all("candidate")]
    if len(candidates) > MAX_CANDIDATES:
        raise SdpError("too_many_candidates", f"A fragment has over {MAX_CANDIDATES} candidates.")
    ice = decode_credentials(values["ice-ufrag"], values["ice-pwd"])
    return Fragment(ice, tuple(candidates), any(section.has("end-of-candidates") for section in sections))


def encode_fragment(*, ice: IceCredentials, candidates: list[HostCandidate], mid: str) -> str:
    """Return the answer to an ICE restart: our new name and password, and where we are.

    Args:
        ice: The new ones.
        candidates: The best first.
        mid: Of the first media section in use.
    """
    lines = [
        "a=ice-lite",
        f"a=ice-ufrag:{ice.ufrag}",
        f"a=ice-pwd:{ice.pwd}",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0",
        f"a=mid:{mid}",
        *(f"a=candidate:{candidate.encode(number)}" for number, candidate in enumerate(candidates)),
        "a=end-of-candidates",
    ]
    return "\r\n".join(lines) + "\r\n"
