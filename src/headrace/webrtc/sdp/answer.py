"""Our answer to an offer: one codec for each kind, everything else refused, all over one port.

Source: RFC 8829, 5.3 (answers); RFC 8839, 4 (ICE-lite); RFC 8842, 5.3 (setup); RFC 9143, 7.3 (BUNDLE);
RFC 9725, 4.
"""

from dataclasses import dataclass, field

from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.sdp.media_offer import MediaOffer, OfferedCodec


@dataclass(frozen=True, slots=True)
class SentStream:
    """What we send in a media section.

    Attributes:
        ssrc: Of the stream.
        rtx_ssrc: Of its retransmissions, if they have one.
        cname: The same for streams that are played together.
    """

    ssrc: int
    cname: str
    rtx_ssrc: int | None = None


@dataclass(frozen=True, slots=True)
class MediaAnswer:
    """Our answer to one media section.

    Attributes:
        offer: The section.
        codec: The one that is used; None refuses the section.
        direction: As seen from us: ``sendonly`` or ``recvonly``; ``inactive`` where nothing is sent.
        format: Text of ``a=fmtp``.
        feedback: Of what was offered, what we use.
        extensions: Ids by URI, of what was offered.
        rids: Simulcast layers that we take.
        stream: What we send.
        bandwidth_kbps: Told as ``b=AS``; 0 is not told.
    """

    offer: MediaOffer
    codec: OfferedCodec | None = None
    direction: str = "inactive"
    format: str = ""
    feedback: tuple[str, ...] = ()
    extensions: dict[str, int] = field(default_factory=dict)
    rids: tuple[str, ...] = ()
    stream: SentStream | None = None
    bandwidth_kbps: int = 0

    @property
    def is_used(self) -> bool:
        """Whether anything is sent in it, in either direction."""
        return self.direction != "inactive"


@dataclass(frozen=True, slots=True)
class Answer:
    """Our answer.

    Attributes:
        media: One for each section of the offer, in its order.
        is_dtls_client: We begin the DTLS handshake.
        bundle: The ``mid`` of those that were offered to share one transport.
        is_extmap_mixed: As offered.
    """

    media: tuple[MediaAnswer, ...]
    is_dtls_client: bool
    bundle: tuple[str, ...] = ()
    is_extmap_mixed: bool = False

    def of_kind(self, kind: str) -> MediaAnswer | None:
        """Return the section of ``video`` or ``audio`` that is used, or None."""
        return next((one for one in self.media if one.is_used and one.offer.kind == kind), None)


@dataclass(frozen=True, slots=True)
class HostCandidate:
    """An address at which we can be reached.

    Attributes:
        host: IPv4 or IPv6 address.
        port: UDP port.
    """

    host: str
    port: int

    def encode(self, number: int) -> str:
        """Return the value of ``a=candidate``; of several the first is preferred (RFC 8445, 5.1.2.1)."""
        priority = 126 << 24 | (65_535 - number) << 8 | 255
        return f"{number + 1} 1 udp {priority} {self.host} {self.port} typ host"


def encode_answer(
    answer: Answer, *, candidates: list[HostCandidate], fingerprint: str, ice: IceCredentials, session_number: int
) -> str:
    """Return the answer as text.

    Args:
        answer: What is taken.
        candidates: Where we can be reached, the best first.
        fingerprint: Of our certificate: ``sha-256 AB:CD:...``.
        ice: Our name and password.
        session_number: Of this session, up to 63 bits.
    """
    # RFC 9143, 7.3: of the groups that were offered, and no others.
    bundled = [one.offer.mid for one in answer.media if one.codec is not None and one.offer.mid in answer.bundle]
    lines = [
        "v=0",
        f"o=- {session_number} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        *([f"a=group:BUNDLE {' '.join(bundled)}"] if bundled else []),
        "a=ice-lite",
        *(["a=extmap-allow-mixed"] if answer.is_extmap_mixed else []),
        "a=msid-semantic: WMS *",
    ]
    transport = [
        f"a=ice-ufrag:{ice.ufrag}",
        f"a=ice-pwd:{ice.pwd}",
        f"a=fingerprint:{fingerprint}",
        f"a=setup:{'active' if answer.is_dtls_client else 'passive'}",
        *(f"a=candidate:{candidate.encode(number)}" for number, candidate in enumerate(candidates)),
        "a=end-of-candidates",
    ]
    for one in answer.media:
        lines += _encode_media(one, transport, candidates)
    return "\r\n".join(lines) + "\r\n"


def _encode_media(media: MediaAnswer, transport: list[str], candidates: list[HostCandidate]) -> list[str]:
    offer, codec = media.offer, media.codec
    if codec is None:
        types = " ".join(str(known.payload_type) for known in offer.codecs[:1]) or "0"
        return [
            f"m={offer.kind} 0 {offer.protocol} {types}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{offer.mid}",
            "a=inactive",
        ]
    types = f"{codec.payload_type}" + ("" if codec.rtx_payload_type is None else f" {codec.rtx_payload_type}")
    port = candidates[0].port if candidates else 9
    return [
        f"m={offer.kind} {port} {offer.protocol} {types}",
        "c=IN IP4 0.0.0.0",
        *([f"b=AS:{media.bandwidth_kbps}"] if media.bandwidth_kbps else []),
        f"a=mid:{offer.mid}",
        f"a={media.direction}",
        *transport,
        "a=rtcp-mux",
        "a=rtcp-rsize",
        *_encode_codec(media, codec),
        *(f"a=extmap:{number} {uri}" for uri, number in media.extensions.items()),
        *(f"a=rid:{rid} recv" for rid in media.rids),
        *([f"a=simulcast:recv {';'.join(media.rids)}"] if media.rids else []),
        *_encode_stream(media.stream),
    ]


def _encode_codec(media: MediaAnswer, codec: OfferedCodec) -> list[str]:
    number, names = codec.payload_type, {"h264": "H264", "h265": "H265", "av1": "AV1"}
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{number} {names.get(codec.name, codec.name)}/{codec.clock_hz}{channels}"]
    lines += [f"a=fmtp:{number} {media.format}"] if media.format else []
    lines += [f"a=rtcp-fb:{number} {wish}" for wish in media.feedback]
    if codec.rtx_payload_type is not None:
        rtx = codec.rtx_payload_type
        lines += [f"a=rtpmap:{rtx} rtx/{codec.clock_hz}", f"a=fmtp:{rtx} apt={number}"]
    return lines


def _encode_stream(stream: SentStream | None) -> list[str]:
    if stream is None:
        return []
    ssrcs = [stream.ssrc] + ([] if stream.rtx_ssrc is None else [stream.rtx_ssrc])
    group = [f"a=ssrc-group:FID {stream.ssrc} {stream.rtx_ssrc}"] if len(ssrcs) > 1 else []
    return [f"a=msid:{stream.cname} {stream.cname}-{stream.ssrc}", *group] + [
        f"a=ssrc:{ssrc} cname:{stream.cname}" for ssrc in ssrcs
    ]
