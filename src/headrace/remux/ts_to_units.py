"""From a channel's transport stream to pictures and frames of sound, each as soon as its last packet is there.

Source: ISO/IEC 13818-1, 2.4.3.7; "OpusTS" (wiki.xiph.org); "Carriage of AV1 in MPEG-2 TS" (AOM, 2023).
"""

from collections import Counter
from typing import Final

from headrace.base.errors import PacketError
from headrace.codecs import av1, h264, hevc
from headrace.codecs.aac import AdtsHeader, split_adts
from headrace.codecs.annex_b import split_annex_b
from headrace.codecs.bit_reader import unescape
from headrace.codecs.h264 import SpsFacts
from headrace.codecs.opus import SAMPLE_RATE_HZ as OPUS_SAMPLE_RATE_HZ
from headrace.codecs.opus import packet_samples, split_control_headers
from headrace.mpegts.demuxer import Demuxer, PesPacket
from headrace.mpegts.pes import unwrap_pts_90khz
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.stream_type import AV1_FORMAT, OPUS_FORMAT, VIDEO_STREAM_TYPES, StreamType
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.parameter_sets import ParameterSets
from headrace.remux.reordering import REORDERING_NOTICE, ReorderingWatch
from headrace.remux.start_watch import StartWatch

_CODECS: Final = {
    StreamType.H264: Codec.H264,
    StreamType.HEVC: Codec.HEVC,
    StreamType.AAC_ADTS: Codec.AAC,
}
_PRIVATE_CODECS: Final = {OPUS_FORMAT: Codec.OPUS, AV1_FORMAT: Codec.AV1}
_IS_KEYFRAME: Final = {
    Codec.H264: h264.is_keyframe,
    Codec.HEVC: hevc.is_keyframe,
    Codec.AV1: av1.is_keyframe,
}
CLOCK_HZ: Final = 90_000


def stream_codec(stream: ElementaryStream) -> Codec | None:
    """Return how a stream of a program is encoded, or None if browsers have no use for it."""
    if stream.stream_type != StreamType.PRIVATE_DATA:
        return next((codec for kind, codec in _CODECS.items() if kind == stream.stream_type), None)
    return next((_PRIVATE_CODECS[name] for name in stream.format_ids if name in _PRIVATE_CODECS), None)


class TsToUnits:
    """Takes a transport stream in payloads, gives access units. Never raises on what it is fed.

    Of each codec the first stream is taken, and of several videos the first.

    Attributes:
        codecs: What is taken, by PID, in the order of the program map.
        unknown_video_type: ``stream_type`` of a video that cannot be taken, if there is one and no other.
        adts: Header of the newest AAC frame.
    """

    __slots__ = (
        "_demuxer",
        "_near_90khz",
        "_next_sound_90khz",
        "_parameter_sets",
        "_programs",
        "_reordering",
        "_starts",
        "adts",
        "codecs",
        "drops",
        "unknown_video_type",
    )

    def __init__(self) -> None:
        self._demuxer = Demuxer(ends_at_stuffing=True)
        self._programs: object = None
        self._near_90khz: int | None = None
        self._next_sound_90khz: dict[int, int] = {}
        self._parameter_sets: ParameterSets | None = None
        self._reordering = ReorderingWatch()
        self._starts = StartWatch()
        self.codecs: dict[int, Codec] = {}
        self.unknown_video_type: int | None = None
        self.adts: AdtsHeader | None = None
        self.drops: Counter[str] = self._demuxer.drops

    @property
    def has_reordering(self) -> bool:
        """Whether pictures are shown in another order than they are decoded: the stream has B-frames."""
        return self._reordering.is_seen

    @property
    def starts_gradually(self) -> bool:
        """Whether decoding can start with recovery points alone: the stream has no IDR pictures."""
        return self._starts.is_gradual

    @property
    def notice(self) -> str | None:
        """What a producer has to change so that browsers can play the stream; None if nothing."""
        if self.unknown_video_type is not None:
            return (
                f"Browsers cannot play this video (stream type 0x{self.unknown_video_type:02x}): encode it as "
                "H.264, HEVC or AV1."
            )
        if self.has_reordering:
            return REORDERING_NOTICE
        if self.starts_gradually:
            return (
                "Browsers cannot start with this video, as it has no IDR pictures: have the encoder send one each "
                "two seconds (x264: intra-refresh=0)."
            )
        return None

    @property
    def sps_facts(self) -> SpsFacts | None:
        """What the newest sequence parameter set of H.264 says."""
        return None if self._parameter_sets is None else self._parameter_sets.sps_facts

    def feed(self, payload: bytes) -> list[AccessUnit]:
        """Return the pictures and frames of sound that are now whole."""
        units: list[AccessUnit] = []
        for pes in self._demuxer.feed(payload):
            if self._programs is not self._demuxer.programs:
                self._take_programs()
            codec = self.codecs.get(pes.pid)
            if codec is not None:
                try:
                    units += self._split(codec, pes)
                except PacketError as error:
                    self.drops[error.reason] += 1
        return units

    def handle_gap(self) -> None:
        """Throw away what is not whole: payloads before the next one are missing."""
        self._demuxer.handle_loss()

    def _take_programs(self) -> None:
        self._programs = self._demuxer.programs
        codecs: dict[int, Codec] = {}
        unknown: list[int] = []
        for stream in self._demuxer.streams:
            codec = stream_codec(stream)
            if codec is None and stream.stream_type in VIDEO_STREAM_TYPES:
                unknown.append(stream.stream_type)
            has_video = any(known.is_video for known in codecs.values())
            if codec is not None and codec not in codecs.values() and not (codec.is_video and has_video):
                codecs[stream.pid] = codec
        if codecs != self.codecs:
            self.codecs = codecs
            video = next((codec for codec in codecs.values() if codec.is_video), None)
            self._parameter_sets = None if video is None else ParameterSets(video)
            self._reordering = ReorderingWatch()
            self._starts = StartWatch()
            self._next_sound_90khz.clear()
        has_video = any(codec.is_video for codec in codecs.values())
        self.unknown_video_type = unknown[0] if unknown and not has_video else None

    def _split(self, codec: Codec, pes: PesPacket) -> list[AccessUnit]:
        if self._parameter_sets is not None and codec.is_video:
            return self._take_picture(codec, pes, self._parameter_sets)
        if codec == Codec.AAC:
            frames = split_adts(pes.payload)
            self.adts = frames[-1][0] if frames else self.adts
            sounds = [(frame, header.samples, header.sample_rate_hz) for header, frame in frames]
        else:
            packets = split_control_headers(pes.payload)
            sounds = [(packet, packet_samples(packet), OPUS_SAMPLE_RATE_HZ) for packet in packets]
        return self._take_sounds(codec, pes, sounds)

    def _take_picture(self, codec: Codec, pes: PesPacket, sets: ParameterSets) -> list[AccessUnit]:
        nals = split_annex_b(pes.payload)
        if codec == Codec.AV1:
            nals = [av1.without_size(unescape(obu)) for obu in nals]
        if not nals or pes.pts_90khz is None:
            raise PacketError("picture_without_units" if not nals else "picture_without_time")
        pts_90khz = self._unwrap(pes.pts_90khz)
        dts_90khz = unwrap_pts_90khz(pes.pts_90khz if pes.dts_90khz is None else pes.dts_90khz, pts_90khz)
        is_idr = _IS_KEYFRAME[codec](nals)
        is_start = is_idr or (codec == Codec.H264 and h264.is_recovery_point(nals))
        nals = sets.complete(nals, is_keyframe=is_start)
        is_key = self._take_start(pts_90khz, is_idr=is_idr) if is_start and (is_idr or sets.is_whole) else False
        if is_key:
            self._reordering.handle_keyframe(pts_90khz, sets.sps_facts)
        self._reordering.handle_picture(pts_90khz, is_discontinuous=pes.follows_loss)
        return [AccessUnit(codec, pts_90khz, dts_90khz, nals, is_key, pes.follows_loss)]

    def _take_start(self, pts_90khz: int, *, is_idr: bool) -> bool:
        """Note a picture with which decoding can start; return whether it is taken for a keyframe.

        A recovery point is none to browsers, so it is not one of a stream that has better ones.
        """
        if is_idr:
            self._starts.handle_idr(pts_90khz)
        else:
            self._starts.handle_recovery_point(pts_90khz)
        return is_idr or self.starts_gradually

    def _take_sounds(self, codec: Codec, pes: PesPacket, sounds: list[tuple[bytes, int, int]]) -> list[AccessUnit]:
        """Return frames of sound, given each with its samples and their rate, one after the other in time."""
        if pes.pts_90khz is not None:
            time_90khz = self._unwrap(pes.pts_90khz)
        elif pes.pid in self._next_sound_90khz:
            time_90khz = self._next_sound_90khz[pes.pid]
        else:
            raise PacketError("sound_without_time")
        units: list[AccessUnit] = []
        samples_before = 0
        for number, (frame, samples, rate_hz) in enumerate(sounds):
            at_90khz = time_90khz + samples_before * CLOCK_HZ // rate_hz
            units.append(AccessUnit(codec, at_90khz, at_90khz, [frame], True, pes.follows_loss and not number))
            samples_before += samples
            self._next_sound_90khz[pes.pid] = time_90khz + samples_before * CLOCK_HZ // rate_hz
        return units

    def _unwrap(self, pts_90khz: int) -> int:
        """Return a time on the one clock of all streams; the first one is taken as it is."""
        self._near_90khz = unwrap_pts_90khz(pts_90khz, pts_90khz if self._near_90khz is None else self._near_90khz)
        return self._near_90khz
