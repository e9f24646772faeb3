"""From transport stream bytes to decoded frames and metadata, each with its presentation time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

import av
from av.codec.context import Flags
from av.stream import Stream

from headrace.base.errors import PacketError
from headrace.mpegts.demuxer import Demuxer, PesPacket
from headrace.mpegts.metadata import Metadata, decode_metadata
from headrace.mpegts.pes import PTS_MODULUS_90KHZ, unwrap_pts_90khz
from headrace.mpegts.stream_type import VIDEO_STREAM_TYPES, StreamType

VIDEO_CODECS: Final = {
    StreamType.MPEG1_VIDEO: "mpeg1video",
    StreamType.MPEG2_VIDEO: "mpeg2video",
    StreamType.MPEG4_VIDEO: "mpeg4",
    StreamType.H264: "h264",
    StreamType.HEVC: "hevc",
    StreamType.VVC: "vvc",
}
AUDIO_CODECS: Final = {
    StreamType.MPEG1_AUDIO: "mp2",
    StreamType.MPEG2_AUDIO: "mp2",
    StreamType.AAC_ADTS: "aac",
    StreamType.AAC_LATM: "aac_latm",
    StreamType.AC3: "ac3",
    StreamType.EAC3: "eac3",
}
MAX_CODECS: Final = 16
"""A stream that changes its PIDs for ever must not leave decoders behind."""
_TIME_BASE: Final = Fraction(1, 90_000)
_PARAMETER_SETS: Final[dict[StreamType, Callable[[int], bool]]] = {
    StreamType.H264: lambda nal_header: nal_header & 0x1F in (5, 7),
    StreamType.HEVC: lambda nal_header: nal_header >> 1 & 0x3F in (16, 17, 18, 19, 20, 21, 32, 33),
    StreamType.MPEG1_VIDEO: lambda start_code: start_code == 0xB3,
    StreamType.MPEG2_VIDEO: lambda start_code: start_code == 0xB3,
}
"""Which byte after a start code says that decoding can begin, for encoders that set no random access indicator."""
_SCAN_BYTES: Final = 512
"""Delimiter, parameter sets and supplemental information stand at the front of an access unit."""


@dataclass(frozen=True, slots=True)
class VideoFrameDecoded:
    """One picture.

    Attributes:
        pts_90khz: Its presentation time modulo 2**33, which is also that of its `MetadataReceived`.
        width: Pixels of a row.
        height: Rows.
        key_frame: Decoding could start with it.
        frame: The picture itself.
    """

    pts_90khz: int | None
    width: int
    height: int
    key_frame: bool
    frame: av.VideoFrame


@dataclass(frozen=True, slots=True)
class AudioFrameDecoded:
    """Some sound.

    Attributes:
        pts_90khz: Presentation time modulo 2**33 of the PES packet it came in.
        samples: How many, of each channel.
        sample_rate_hz: Samples a second.
    """

    pts_90khz: int | None
    samples: int
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class MetadataReceived:
    """A Timed ID3 tag; it comes before the picture of the same presentation time."""

    metadata: Metadata
    pts_90khz: int | None


DecoderEvent: TypeAlias = VideoFrameDecoded | AudioFrameDecoded | MetadataReceived


class StreamDecoder:
    """Decodes a transport stream. Blocking CPU work: call it in a thread. Never raises on what it is fed.

    Attributes:
        video_frames: Pictures decoded.
        audio_frames: Sound frames decoded.
        skipped_frames: Pictures before the first keyframe, which every late joiner gets and nobody can decode.
        errors: What could not be decoded, by reason; drops of the demuxer are in `drops`.
    """

    def __init__(self, *, decode_video: bool = True, decode_audio: bool = True) -> None:
        self._demuxer = Demuxer()
        self._decode_video = decode_video
        self._decode_audio = decode_audio
        self._codecs: dict[tuple[int, int], av.CodecContext] = {}
        self._last_pts_90khz: dict[int, int] = {}
        self.video_frames = 0
        self.audio_frames = 0
        self.skipped_frames = 0
        self.errors: Counter[str] = Counter()

    @property
    def drops(self) -> Counter[str]:
        """What the demuxer threw away, by reason."""
        return self._demuxer.drops

    def feed(self, ts: bytes) -> list[DecoderEvent]:
        """Return what could be decoded, in the order of the stream."""
        events: list[DecoderEvent] = []
        for pes in self._demuxer.feed(ts):
            self._handle_pes(pes, events)
        return events

    def flush(self) -> list[DecoderEvent]:
        """Return what the end of the stream lets out."""
        events: list[DecoderEvent] = []
        for pes in self._demuxer.flush():
            self._handle_pes(pes, events)
        for codec in self._codecs.values():
            if isinstance(codec, av.VideoCodecContext):
                self._decode_video_packet(codec, None, events)
            elif isinstance(codec, av.AudioCodecContext):
                self._decode_audio_data(codec, None, None, events)
        self._codecs.clear()
        return events

    def _handle_pes(self, pes: PesPacket, events: list[DecoderEvent]) -> None:
        if pes.stream_type == StreamType.METADATA:
            self._handle_tag(pes, events)
        elif pes.stream_type in VIDEO_STREAM_TYPES and self._decode_video:
            self._handle_video(pes, events)
        elif pes.stream_type in AUDIO_CODECS and self._decode_audio:
            codec = self._codec_of(pes, _audio_codec(pes))
            if isinstance(codec, av.AudioCodecContext):
                self._decode_audio_data(codec, pes.payload, pes.pts_90khz, events)

    def _handle_tag(self, pes: PesPacket, events: list[DecoderEvent]) -> None:
        # FFmpeg and others may put the 5-byte metadata access unit header of ISO/IEC 13818-1, 2.12.4 before.
        payload = pes.payload[5:] if pes.payload[5:8] == b"ID3" else pes.payload
        try:
            events.append(MetadataReceived(decode_metadata(payload), pes.pts_90khz))
        except PacketError as error:
            self.errors[error.reason] += 1

    def _codec_of(self, pes: PesPacket, name: str) -> av.CodecContext | None:
        key = (pes.pid, pes.stream_type)
        if key not in self._codecs:
            if len(self._codecs) == MAX_CODECS:
                self._codecs.clear()
            try:
                codec = av.CodecContext.create(name, "r")
            except (av.FFmpegError, ValueError):
                self.errors[f"no_decoder_for_{name}"] += 1
                return None
            codec.thread_count = 1
            # Otherwise MPEG-2 holds each picture until the next, in case it is to be shown before.
            codec.flags |= Flags.low_delay
            self._codecs[key] = codec
        return self._codecs[key]

    def _handle_video(self, pes: PesPacket, events: list[DecoderEvent]) -> None:
        stream_type = StreamType(pes.stream_type)
        key = (pes.pid, pes.stream_type)
        if key not in self._codecs and not pes.random_access and not _starts_sequence(stream_type, pes.payload):
            self.skipped_frames += 1
            return
        codec = self._codec_of(pes, VIDEO_CODECS[stream_type])
        if not isinstance(codec, av.VideoCodecContext) or not pes.payload:
            return
        packet = av.Packet(pes.payload)
        packet.time_base = _TIME_BASE
        if pes.pts_90khz is not None and pes.dts_90khz is not None:
            packet.dts = self._unwrap(pes.pid, pes.dts_90khz)
            packet.pts = unwrap_pts_90khz(pes.pts_90khz, packet.dts)
        self._decode_video_packet(codec, packet, events)

    def _unwrap(self, pid: int, dts_90khz: int) -> int:
        near_90khz = self._last_pts_90khz.get(pid, dts_90khz)
        self._last_pts_90khz[pid] = unwrap_pts_90khz(dts_90khz, near_90khz)
        return self._last_pts_90khz[pid]

    def _decode_video_packet(
        self, codec: av.VideoCodecContext, packet: "av.Packet[Stream] | None", events: list[DecoderEvent]
    ) -> None:
        try:
            frames = codec.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError:
            self.errors["video"] += 1
            return
        for frame in frames:
            self.video_frames += 1
            if frame.is_corrupt:
                self.errors["corrupt_frame"] += 1
            pts_90khz = None if frame.pts is None else frame.pts % PTS_MODULUS_90KHZ
            events.append(VideoFrameDecoded(pts_90khz, frame.width, frame.height, frame.key_frame, frame))

    def _decode_audio_data(
        self,
        codec: av.AudioCodecContext,
        data: bytes | None,
        pts_90khz: int | None,
        events: list[DecoderEvent],
    ) -> None:
        try:
            frames = [frame for packet in codec.parse(data) for frame in codec.decode(packet)]
        except av.EOFError:
            return
        except (av.FFmpegError, ValueError):
            self.errors["audio"] += 1
            return
        for frame in frames:
            self.audio_frames += 1
            events.append(AudioFrameDecoded(pts_90khz, frame.samples, frame.sample_rate))


def _audio_codec(pes: PesPacket) -> str:
    """Return FFmpeg's name of the codec; of MPEG audio, layer 3 (ISO/IEC 11172-3, 2.4.1.3) has its own."""
    name = AUDIO_CODECS[StreamType(pes.stream_type)]
    is_layer_3 = len(pes.payload) > 1 and pes.payload[1] >> 1 & 3 == 1
    return "mp3" if name == "mp2" and is_layer_3 else name


def _starts_sequence(stream_type: StreamType, payload: bytes) -> bool:
    """Tell whether an access unit begins with what a decoder needs to start."""
    starts = _PARAMETER_SETS.get(stream_type)
    if starts is None:
        return True
    found = payload.find(b"\0\0\x01", 0, _SCAN_BYTES)
    while 0 <= found < len(payload) - 3:
        if starts(payload[found + 3]):
            return True
        found = payload.find(b"\0\0\x01", found + 3, _SCAN_BYTES)
    return False
