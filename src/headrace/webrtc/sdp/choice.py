"""Which of what was offered is used: for who watches (WHEP), and for who produces (WHIP).

Source: RFC 6184, 8.1 and 8.2.2 (profile-level-id); RFC 7587, 6.1 (Opus); draft-ietf-wish-whep; RFC 9725, 4.2.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from headrace.webrtc.rtp import MID_URI, REPAIRED_RID_URI, RID_URI
from headrace.webrtc.sdp.answer import Answer, MediaAnswer, SentStream
from headrace.webrtc.sdp.lines import SdpError
from headrace.webrtc.sdp.media_offer import MediaOffer, OfferedCodec
from headrace.webrtc.sdp.offer import Offer

VIDEO_FEEDBACK: Final = ("nack", "nack pli", "ccm fir", "goog-remb")
"""What we hear as a sender and say as a receiver of pictures; REMB rather than transport-cc, whose sequence
numbers would be different for each viewer of a packet."""
SOUND_FEEDBACK: Final = ("nack",)
PRODUCED_VIDEO: Final = ("h264", "h265", "av1")
"""What a producer may send, the best first: H.264 is what SRT players take everywhere, and AV1 hardly any."""
RTP_PROTOCOLS: Final = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF"})

Choice: TypeAlias = Callable[[MediaOffer], OfferedCodec | None]
"""Says with which of its codecs a section is used, or None."""

_NAMES: Final = {"h264": "H.264", "h265": "HEVC", "av1": "AV1", "opus": "Opus"}
_OPUS_FORMAT: Final = "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"
_EXTENSIONS: Final = (MID_URI, RID_URI, REPAIRED_RID_URI)


def answer_viewer(
    offer: Offer,
    *,
    video: str | None,
    profile_level_id: str | None = None,
    video_stream: SentStream | None = None,
    audio_stream: SentStream | None = None,
) -> Answer:
    """Return the answer to somebody who wants to watch.

    Args:
        offer: Its offer.
        video: Name of the channel's codec in SDP, ``h264``, ``h265`` or ``av1``; None if it has no picture. Then
            the section is agreed on and inactive: Chromium plays no sound beside a picture that does not come,
            and cannot do without the section by which others are bundled.
        profile_level_id: Of an H.264 channel, six hexadecimal digits; None if it is not known yet.
        video_stream: What we will send as picture; None if it has none.
        audio_stream: What we will send as Opus; None if the channel has no sound.

    Raises:
        SdpError: ``cannot_receive`` or ``no_common_codec``: nothing of the channel can be played, or not the
            pictures although some are wanted.
    """
    _check_transport(offer)
    choices: dict[str, Choice] = {"video": lambda media: _choose_picture(media, video, profile_level_id)}
    if audio_stream is not None:
        choices["audio"] = choose_opus
    streams = {"video": None if video is None else video_stream, "audio": audio_stream}
    answers = tuple(
        MediaAnswer(media)
        if codec is None
        else _answer_media(
            media,
            codec,
            direction="inactive" if streams[media.kind] is None else "sendonly",
            stream=streams[media.kind],
        )
        for media, codec in zip(offer.media, _choose_once(offer, lambda one: one.receives, choices), strict=True)
    )
    answer = Answer(answers, offer.makes_us_dtls_client, bundle=offer.bundle)
    if not any(media.receives for media in offer.media):
        raise SdpError("cannot_receive", "The offer receives nothing: a viewer offers recvonly sections (WHEP).")
    if not any(one.is_used for one in answers):
        raise SdpError("no_common_codec", _missing_codec(video, has_sound=audio_stream is not None))
    if video is not None and _wants_pictures(offer) and answer.of_kind("video") is None:
        # Sound alone would be taken for pictures that are late.
        raise SdpError("no_common_codec", _missing_codec(video, has_sound=False))
    return answer


def _wants_pictures(offer: Offer) -> bool:
    return any(media.kind == "video" and media.receives and _is_usable(media) for media in offer.media)


def _choose_picture(media: MediaOffer, name: str | None, profile_level_id: str | None) -> OfferedCodec | None:
    if name is None:
        return next(iter(media.codecs), None)
    codec = choose_video(media, name, profile_level_id)
    if codec is None and name == "h264":
        # RFC 6184, 8.1, has a mode that is not said mean 0. GStreamer's whepsrc and whepclientsrc do not say it,
        # and take all that mode 1 has.
        return choose_h264([one for one in media.codecs if _h264_mode(one) == ""], profile_level_id)
    return codec


def answer_producer(offer: Offer, *, max_video_kbps: int = 0) -> Answer:
    """Return the answer to somebody who wants to produce: the first video and the first audio that we can take.

    Args:
        offer: Its offer.
        max_video_kbps: Told to the sender; 0 is not told.

    Raises:
        SdpError: ``cannot_send`` or ``no_common_codec``.
    """
    _check_transport(offer)
    choices: dict[str, Choice] = {"video": _choose_produced_video, "audio": choose_opus}
    answers = tuple(
        MediaAnswer(media)
        if codec is None
        else _answer_media(media, codec, direction="recvonly", max_video_kbps=max_video_kbps)
        for media, codec in zip(offer.media, _choose_once(offer, lambda one: one.sends, choices), strict=True)
    )
    if not any(one.codec for one in answers):
        if not any(media.sends for media in offer.media):
            raise SdpError(
                "cannot_send", "The offer sends nothing: a producer offers sendonly sections (RFC 9725)."
            )
        raise SdpError(
            "no_common_codec",
            "The offer has neither H.264 (packetization-mode=1), HEVC nor AV1 video, nor Opus sound.",
        )
    return Answer(answers, offer.makes_us_dtls_client, bundle=offer.bundle, is_extmap_mixed=offer.is_extmap_mixed)


def _choose_once(
    offer: Offer, is_wanted: Callable[[MediaOffer], bool], choices: Mapping[str, Choice]
) -> list[OfferedCodec | None]:
    """Return the codec of each section, None for those that are not used: of each kind the first that fits is."""
    left = dict(choices)
    codecs: list[OfferedCodec | None] = []
    for media in offer.media:
        choose = left.get(media.kind) if is_wanted(media) and _is_usable(media) else None
        codec = choose(media) if choose is not None else None
        if codec is not None:
            del left[media.kind]
        codecs.append(codec)
    return codecs


def choose_video(media: MediaOffer, name: str, profile_level_id: str | None) -> OfferedCodec | None:
    """Return the payload type in which a channel's picture is sent, or None.

    For H.264 the one of the same profile, or the next higher; where there is none, the highest that is offered, as
    decoders take more than they say.
    """
    if name == "h264":
        return choose_h264([codec for codec in media.codecs if _h264_mode(codec) == "1"], profile_level_id)
    return next((codec for codec in media.codecs if codec.name == name and codec.clock_hz == 90_000), None)


def _h264_mode(codec: OfferedCodec) -> str | None:
    """Return the ``packetization-mode`` of H.264, empty where none is said; None of another codec."""
    return codec.parameters.get("packetization-mode", "") if codec.name == "h264" else None


def choose_h264(usable: Sequence[OfferedCodec], profile_level_id: str | None) -> OfferedCodec | None:
    """Return which of some payload types of H.264 fits best, or None if there are none."""
    if not usable or profile_level_id is None:
        return usable[0] if usable else None
    wanted = _rank(profile_level_id)
    ranks = {codec.payload_type: _rank(_profile_level_id(codec)) for codec in usable}
    enough = [codec for codec in usable if ranks[codec.payload_type] >= wanted]
    if enough:
        return min(enough, key=lambda codec: ranks[codec.payload_type])
    return max(usable, key=lambda codec: ranks[codec.payload_type])


def choose_opus(media: MediaOffer) -> OfferedCodec | None:
    """Return the payload type of Opus, or None."""
    return next((codec for codec in media.codecs if codec.name == "opus" and codec.clock_hz == 48_000), None)


_PROFILE_RANKS: Final = {0x42: 2, 0x4D: 3, 0x64: 4, 0x6E: 5, 0x7A: 6, 0xF4: 7}
"""By ``profile_idc``: baseline, main, high, high 10, high 4:2:2, high 4:4:4; each can nearly all before it."""


def _profile_level_id(codec: OfferedCodec) -> str:
    # RFC 6184, 8.1: "the Baseline profile, without additional constraints at Level 1, MUST be inferred".
    return codec.parameters.get("profile-level-id", "42000a")


def _rank(profile_level_id: str) -> int:
    """Return how much a profile allows; constrained baseline is 1 (RFC 6184, table 5), an unknown one 0."""
    try:
        profile_idc, constraints, _ = bytes.fromhex(profile_level_id)
    except ValueError:
        return 0
    is_constrained = (profile_idc == 0x42 and constraints & 0x40) or (profile_idc == 0x4D and constraints & 0x80)
    return 1 if is_constrained else _PROFILE_RANKS.get(profile_idc, 0)


def _choose_produced_video(media: MediaOffer) -> OfferedCodec | None:
    found = (choose_video(media, name, None) for name in PRODUCED_VIDEO)
    return next((codec for codec in found if codec is not None), None)


def _answer_media(
    media: MediaOffer,
    codec: OfferedCodec,
    *,
    direction: str,
    stream: SentStream | None = None,
    max_video_kbps: int = 0,
) -> MediaAnswer:
    is_video = media.kind == "video"
    is_received = direction == "recvonly"
    wishes = VIDEO_FEEDBACK if is_video else SOUND_FEEDBACK
    return MediaAnswer(
        offer=media,
        codec=codec,
        direction=direction,
        format=codec.format if is_video else _OPUS_FORMAT,
        feedback=tuple(wish for wish in wishes if wish in codec.feedback),
        extensions={uri: media.extensions[uri] for uri in _EXTENSIONS if uri in media.extensions}
        if is_received
        else {},
        rids=_layers(media) if is_received and is_video else (),
        stream=stream,
        bandwidth_kbps=max_video_kbps if is_video else 0,
    )


def _layers(media: MediaOffer) -> tuple[str, ...]:
    """Return the simulcast layers that can be told apart; one alone needs no name."""
    return media.rids if len(media.rids) > 1 and RID_URI in media.extensions else ()


def _is_usable(media: MediaOffer) -> bool:
    return not media.is_refused and media.protocol in RTP_PROTOCOLS


def _check_transport(offer: Offer) -> None:
    used = [media for media in offer.media if media.kind in {"video", "audio"} and _is_usable(media)]
    # RFC 9143, 7.1.3: what is about the transport does not stand in a section that is bundle-only.
    if not all(media.can_mux_rtcp or media.is_bundle_only for media in used):
        raise SdpError("no_rtcp_mux", "a=rtcp-mux is missing: RTP and RTCP share one port here (RFC 9725, 4.4.2).")
    if len(used) > 1 and not {media.mid for media in used} <= set(offer.bundle):
        raise SdpError(
            "no_bundle", "a=group:BUNDLE does not name all sections: they share one port here (RFC 9725, 4.4.1)."
        )


def _missing_codec(video: str | None, *, has_sound: bool) -> str:
    parts = ([f"{_NAMES.get(video, video)} video"] if video else []) + (["Opus sound"] if has_sound else [])
    what = " and ".join(parts) or "nothing that a browser can play"
    return f"The channel has {what}, which the offer does not take."
