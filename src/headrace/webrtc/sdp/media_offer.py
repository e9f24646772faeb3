"""One media section of an offer: which codecs somebody sends or takes, and how.

Source: RFC 8866, 5.14, 6.6 (rtpmap), 6.15 (fmtp); RFC 4585, 4.2 (rtcp-fb); RFC 4588, 8.1 (rtx); RFC 8285, 5
(extmap); RFC 8851 (rid); RFC 8853 (simulcast); RFC 5576 (ssrc).
"""

import re
from dataclasses import dataclass
from typing import Final

from headrace.webrtc.sdp.lines import SdpError, Section, decode_number

MAX_PAYLOAD_TYPES: Final = 128
MAX_RIDS: Final = 4
"""Simulcast layers; browsers send three at most."""
MAX_SSRCS: Final = 16
_RID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True, slots=True)
class OfferedCodec:
    """A payload type.

    Attributes:
        payload_type: 7 bits.
        name: In lower case: ``h264``, ``h265``, ``av1``, ``opus``.
        clock_hz: Of RTP timestamps.
        channels: 1 where none are given.
        parameters: Of ``a=fmtp``, names in lower case.
        format: The text of ``a=fmtp`` as it came, empty if there is none.
        feedback: Of ``a=rtcp-fb``: ``nack``, ``nack pli``, ``ccm fir``, ``goog-remb``, ``transport-cc``.
        rtx_payload_type: That of its retransmissions, if any.
    """

    payload_type: int
    name: str
    clock_hz: int
    channels: int
    parameters: dict[str, str]
    format: str
    feedback: frozenset[str]
    rtx_payload_type: int | None = None


@dataclass(frozen=True, slots=True)
class MediaOffer:
    """A media section.

    Attributes:
        kind: ``video``, ``audio``, ``application``.
        mid: Its name, by which sections are bundled.
        direction: As seen from who offers.
        protocol: ``UDP/TLS/RTP/SAVPF``.
        is_refused: Its port is 0, and it is not bundled: it is not meant.
        codecs: In the order of preference, without rtx, red and the like.
        extensions: Ids of header extensions by their URI.
        rids: Names of simulcast layers that are sent, in the order of preference; paused ones too.
        ssrcs: Of the streams that are sent, if they are named.
        msid: Stream and track, if named.
        can_mux_rtcp: RTCP goes over the port of RTP.
        is_bundle_only: It is meant on another section's transport alone, which says what holds for that.
    """

    kind: str
    mid: str
    direction: str
    protocol: str
    is_refused: bool
    codecs: tuple[OfferedCodec, ...]
    extensions: dict[str, int]
    rids: tuple[str, ...]
    ssrcs: tuple[int, ...]
    msid: str
    can_mux_rtcp: bool
    is_bundle_only: bool

    @property
    def sends(self) -> bool:
        """Whether who offers would send."""
        return self.direction in {"sendrecv", "sendonly"}

    @property
    def receives(self) -> bool:
        """Whether who offers would receive."""
        return self.direction in {"sendrecv", "recvonly"}


def decode_media(section: Section, session: Section, number: int) -> MediaOffer:
    """Decode a media section.

    Args:
        section: Its lines.
        session: Lines before the first media section, which hold for all.
        number: Place among the media sections, its name where it has none.

    Raises:
        SdpError: ``bad_media_line`` or ``too_many_codecs``.
    """
    words = section.media.split()
    port = decode_number(words[1].partition("/")[0], most=65_535) if len(words) >= 4 else None
    if port is None:
        raise SdpError("bad_media_line", f"m={section.media[:60]!r} is no media line of RFC 8866.")
    if len(words) - 3 > MAX_PAYLOAD_TYPES:
        raise SdpError("too_many_codecs", f"A media section has over {MAX_PAYLOAD_TYPES} payload types.")
    types = [known for word in words[3:] if (known := decode_number(word, most=127)) is not None]
    direction = next(
        (name for name, _ in (*section.attributes, *session.attributes) if name in DIRECTIONS), "sendrecv"
    )
    return MediaOffer(
        kind=words[0],
        mid=_token(section.first("mid")) or str(number),
        direction=direction,
        protocol=words[2],
        is_refused=port == 0 and not section.has("bundle-only"),
        codecs=_codecs(section, types),
        extensions=_extensions(section),
        rids=_rids(section),
        ssrcs=_ssrcs(section),
        msid=section.first("msid") or "",
        can_mux_rtcp=section.has("rtcp-mux"),
        is_bundle_only=section.has("bundle-only"),
    )


def _token(text: str | None) -> str:
    """Return a word that can stand in a line of ours, or nothing."""
    return text if text and len(text) <= 64 and text.isascii() and text.isprintable() and " " not in text else ""


def _by_payload_type(section: Section, name: str) -> list[tuple[int | None, str]]:
    """Return the payload type and the rest of each attribute; for ``*``, that holds for all, None."""
    found: list[tuple[int | None, str]] = []
    for value in section.all(name):
        word, _, rest = value.partition(" ")
        payload_type = decode_number(word, most=127)
        if payload_type is not None or word == "*":
            found.append((payload_type, rest.strip()))
    return found


def _codecs(section: Section, types: list[int]) -> tuple[OfferedCodec, ...]:
    maps = {number: _decode_map(text) for number, text in _by_payload_type(section, "rtpmap")}
    formats = {number: text for number, text in _by_payload_type(section, "fmtp") if number is not None}
    feedback = _by_payload_type(section, "rtcp-fb")
    repairs = {
        decode_number(_decode_format(formats.get(number, "")).get("apt", ""), most=127): number
        for number in types
        if number in maps and maps[number][0] == "rtx"
    }
    codecs: list[OfferedCodec] = []
    for number in dict.fromkeys(types):
        name, clock_hz, channels = maps.get(number, ("", 0, 1))
        if name and clock_hz and name not in {"rtx", "red", "ulpfec", "flexfec-03", "telephone-event", "cn"}:
            text = formats.get(number, "")
            wishes = frozenset(wish for about, wish in feedback if about in {number, None})
            codecs.append(
                OfferedCodec(
                    number, name, clock_hz, channels, _decode_format(text), text, wishes, repairs.get(number)
                )
            )
    return tuple(codecs)


def _decode_map(text: str) -> tuple[str, int, int]:
    name, _, rest = text.partition("/")
    clock, _, channels = rest.partition("/")
    clock_hz = decode_number(clock, most=1_000_000) or 0
    return name.lower(), clock_hz, decode_number(channels, most=255) or 1


def _decode_format(text: str) -> dict[str, str]:
    pairs = (piece.partition("=") for piece in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _extensions(section: Section) -> dict[str, int]:
    extensions: dict[str, int] = {}
    for value in section.all("extmap"):
        words = value.split()
        number = decode_number(words[0].partition("/")[0], most=255) if len(words) >= 2 else None
        if number:
            extensions.setdefault(words[1], number)
    return extensions


def _rids(section: Section) -> tuple[str, ...]:
    """Return the layers of ``a=simulcast:send a;b,c;~d``: of alternatives the first."""
    words = (section.first("simulcast") or "").split()
    if "send" not in words[:-1]:
        return ()
    offered = {value.split()[0] for value in section.all("rid") if value.split()[1:2] == ["send"]}
    layers = (layer.partition(",")[0].lstrip("~") for layer in words[words.index("send") + 1].split(";"))
    return tuple(dict.fromkeys(layer for layer in layers if layer in offered and _RID.fullmatch(layer)))[:MAX_RIDS]


def _ssrcs(section: Section) -> tuple[int, ...]:
    numbers = (decode_number(value.split(" ")[0], most=0xFFFF_FFFF) for value in section.all("ssrc"))
    return tuple(dict.fromkeys(number for number in numbers if number is not None))[:MAX_SSRCS]
