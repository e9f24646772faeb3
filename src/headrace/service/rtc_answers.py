"""What browsers are answered, and what the streams of both sides are called from then on.

Source: ``docs/decisions/0023-browsers.md``.
"""

from typing import Final

from headrace.endpoints.rtc_channel import RtcChannel, RtcStream
from headrace.endpoints.rtc_inbound import InboundNumbers
from headrace.endpoints.rtc_rids import LayerNumbers
from headrace.endpoints.rtc_viewer import Numbers, Place
from headrace.remux.access_unit import Codec
from headrace.srt.rejection import RejectReason
from headrace.web.gateway import GatewayRefusal
from headrace.webrtc.rtp import REPAIRED_RID_URI, RID_URI
from headrace.webrtc.sdp.answer import Answer, SentStream
from headrace.webrtc.sdp.choice import answer_producer, answer_viewer
from headrace.webrtc.sdp.lines import SdpError
from headrace.webrtc.sdp.offer import Offer

_UNACCEPTABLE: Final = int(RejectReason.UNACCEPTABLE)
_KINDS: Final = ("video", "audio")
_CODECS: Final = {"h264": Codec.H264, "h265": Codec.HEVC, "av1": Codec.AV1, "opus": Codec.OPUS}
_NAMES: Final = {codec: name for name, codec in _CODECS.items()}


def answer_watcher(offer: Offer, channel: RtcChannel) -> Answer:
    """Return the answer to who wants to watch a channel.

    Raises:
        GatewayRefusal: It cannot play what the channel has.
    """
    if channel.notice is not None:
        raise GatewayRefusal(_UNACCEPTABLE, channel.notice)
    video, audio = channel.streams
    try:
        return answer_viewer(
            offer,
            video=None if channel.has_pictures is False else _NAMES[video.codec],
            profile_level_id=channel.profile_level_id,
            video_stream=SentStream(video.ssrc, channel.cname, video.rtx_ssrc),
            audio_stream=SentStream(audio.ssrc, channel.cname),
        )
    except SdpError as error:
        raise GatewayRefusal(_UNACCEPTABLE, str(error)) from None


def answer_camera(offer: Offer) -> Answer:
    """Return the answer to who wants to produce.

    Raises:
        GatewayRefusal: It sends nothing that can be taken.
    """
    try:
        return answer_producer(offer)
    except SdpError as error:
        raise GatewayRefusal(_UNACCEPTABLE, str(error)) from None


def first_mid(answer: Answer) -> str:
    """Return the name of the first media section in use."""
    return next(one.offer.mid for one in answer.media if one.codec is not None)


def inbound_numbers(answer: Answer) -> list[InboundNumbers]:
    """Return how the streams of a producer are known, the picture first."""
    sections = [media for media in map(answer.of_kind, _KINDS) if media is not None]
    return [
        InboundNumbers(_CODECS[media.codec.name], media.codec.payload_type, media.codec.rtx_payload_type)
        for media in sections
        if media.codec is not None
    ]


def layer_numbers(answer: Answer) -> LayerNumbers | None:
    """Return how the layers of a producer's picture are known; None if it sends but one."""
    media = answer.of_kind("video")
    if media is None or not media.rids:
        return None
    return LayerNumbers(media.rids, media.extensions[RID_URI], media.extensions.get(REPAIRED_RID_URI))


def awaits_pictures(answer: Answer) -> bool:
    """Return whether somebody would take pictures and gets none, as the channel has none."""
    sections = [one.offer for one in answer.media if one.offer.kind == "video"]
    is_wanted = any(offer.receives and not offer.is_refused for offer in sections)
    return is_wanted and answer.of_kind("video") is None


def places_in(answer: Answer, channel: RtcChannel) -> tuple[Place | None, Place | None]:
    """Return under which numbers somebody gets the pictures and the sound, None for what it does not get."""
    video, audio = (_place(answer, kind, stream) for kind, stream in zip(_KINDS, channel.streams, strict=True))
    return video, audio


def _place(answer: Answer, kind: str, stream: RtcStream) -> Place | None:
    media = answer.of_kind(kind)
    if media is None or media.codec is None:
        return None
    codec = media.codec
    return Place(stream, Numbers(codec.payload_type, codec.rtx_payload_type, _CODECS[codec.name]))
