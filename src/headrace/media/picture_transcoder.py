"""Decodes pictures, and encodes them as H.264 that browsers play: in the order in which they are shown.

Blocking, and what it decodes may be hostile: `headrace.media.picture_worker` runs it in a process of its own.

Source: RFC 7742, 6.2 (constrained baseline is what every browser plays).
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

import av
from av.video.frame import PictureType, VideoFrame

from headrace.codecs import h264
from headrace.codecs.annex_b import split_annex_b
from headrace.media.errors import MediaError
from headrace.media.picture_pipe import CodedPicture
from headrace.media.picture_rates import PictureRates

CODEC_NAMES: Final = ("h264", "hevc")
"""FFmpeg's names of what it decodes."""
PRESET: Final = "superfast"
QUALITY: Final = "23"
"""Of x264, as a constant rate factor: its default. What the stream has bits for is the limit."""
MIN_BITS_PER_SECOND: Final = 300_000
HEADROOM: Final = 1.25
"""B-frames, and an encoder with more time, need so much less for the same picture."""
BITS_PER_PIXEL: Final = 0.1
"""While nothing is known of the stream's rate: 2.8 Mbit/s of 720p30."""
PICTURES_PER_SECOND: Final = 30
"""Likewise."""
RATE_STEP: Final = 1.5
"""By so much the stream's rates may change before the encoder is told, at the next keyframe."""
MIN_KEYFRAME_90KHZ: Final = 45_000
MAX_KEYFRAME_90KHZ: Final = 180_000
"""A keyframe is made where the stream has one, if the last was half a second ago, and after two seconds anyway."""
MAX_BACK_90KHZ: Final = 90_000
"""A picture of a second before the last one is another stream's; what steps back less is left out."""
MAX_PIXELS: Final = 4_096 * 2_304
"""No machine encodes more in real time on one core, nor has the process the memory for it."""
MAX_HELD_PICTURES: Final = 16
"""By a decoder, to bring them into order (H.264, A.3.1: max_dec_frame_buffering)."""
_TIME_BASE: Final = Fraction(1, 90_000)
_PIXEL_FORMATS: Final = frozenset({"yuv420p", "yuvj420p"})


class _Shape(NamedTuple):
    """What an encoder was opened for."""

    width: int
    height: int
    bits_per_second: int
    pictures_per_second: int

    def fits(self, other: "_Shape") -> bool:
        """Return whether an encoder that was opened for this does for the other."""
        return self[:2] == other[:2] and all(
            max(one, two) <= RATE_STEP * min(one, two) for one, two in zip(self[2:], other[2:], strict=True)
        )


class PictureTranscoder:
    """One stream of pictures.

    Args:
        codec_name: One of `CODEC_NAMES`.
    """

    __slots__ = ("_barren_pictures", "_decoder", "_encoder", "_key_90khz", "_last_90khz", "_rates", "_shape")

    def __init__(self, codec_name: str) -> None:
        if codec_name not in CODEC_NAMES:
            raise MediaError(f"no decoder is here for {codec_name}")
        self._decoder: av.VideoCodecContext = av.CodecContext.create(codec_name, "r")  # type: ignore[assignment]
        self._decoder.thread_count = 1
        self._encoder: av.VideoCodecContext | None = None
        self._shape = _Shape(0, 0, 1, 1)
        self._rates = PictureRates()
        self._key_90khz = self._last_90khz = 0
        self._barren_pictures = 0

    def convert(self, picture: CodedPicture) -> list[CodedPicture]:
        """Return what can be shown now, with the times that it came with.

        Args:
            picture: The next in decoding order. One that is not to be shown brings the decoder on, no more: where
                nothing depends on it, it is not even decoded.

        Raises:
            av.FFmpegError: It cannot be decoded or encoded.
            MediaError: It is empty, or too large.
        """
        if not picture.data:
            # FFmpeg would take it for the end, after which a decoder takes nothing more.
            raise MediaError("a picture without units")
        self._rates.note(picture.pts_90khz, len(picture.data))
        if picture.is_keyframe:
            self._free_decoder(picture)
        packet = av.Packet(picture.data)
        packet.pts, packet.time_base = picture.pts_90khz, _TIME_BASE
        self._decoder.skip_frame = "DEFAULT" if picture.is_shown else "NONREF"
        self._barren_pictures += 1
        frames = self._decoder.decode(packet)
        if frames:
            self._barren_pictures = 0
        return [made for frame in frames if picture.is_shown for made in self._encode(frame)]

    def _free_decoder(self, keyframe: CodedPicture) -> None:
        """Let the decoder begin anew at a keyframe if it has shown nothing for longer than it may.

        After some damaged streams FFmpeg's decoder of H.264 (8.1) takes whatever comes, and shows nothing of it.
        """
        is_gradual = not h264.is_keyframe(split_annex_b(keyframe.data)) if self._decoder.name == "h264" else False
        if self._barren_pictures > MAX_HELD_PICTURES + (h264.MAX_RECOVERY_FRAMES if is_gradual else 0):
            self._decoder.flush_buffers()
            self._barren_pictures = 0

    def _encode(self, frame: VideoFrame) -> Iterator[CodedPicture]:
        pts_90khz = frame.pts
        if pts_90khz is None:
            return
        if pts_90khz < self._last_90khz - MAX_BACK_90KHZ:
            self._encoder = None
        if self._encoder is not None and pts_90khz <= self._last_90khz:
            return
        encoder = self._encoder_for(frame)
        self._last_90khz = pts_90khz
        for packet in encoder.encode(self._prepared(frame, pts_90khz)):
            yield CodedPicture(packet.pts or 0, bytes(packet), packet.is_keyframe)

    def _prepared(self, frame: VideoFrame, pts_90khz: int) -> VideoFrame:
        is_key = self._is_key(frame, pts_90khz)
        if (frame.width, frame.height) != self._shape[:2] or frame.format.name not in _PIXEL_FORMATS:
            frame = frame.reformat(width=self._shape.width, height=self._shape.height, format="yuv420p")
        frame.pts, frame.time_base = pts_90khz, _TIME_BASE
        frame.pict_type = PictureType.I if is_key else PictureType.NONE
        if is_key:
            self._key_90khz = pts_90khz
        return frame

    def _is_key(self, frame: VideoFrame, pts_90khz: int) -> bool:
        since_90khz = pts_90khz - self._key_90khz
        least_90khz = MIN_KEYFRAME_90KHZ if frame.key_frame else MAX_KEYFRAME_90KHZ
        return since_90khz >= least_90khz

    def _encoder_for(self, frame: VideoFrame) -> av.VideoCodecContext:
        """Return an encoder that fits; where the rates have changed, it is made anew where a keyframe is due."""
        shape = self._shape_of(frame)
        encoder, is_same_size = self._encoder, shape[:2] == self._shape[:2]
        if encoder is None or not is_same_size or (not self._shape.fits(shape) and frame.key_frame):
            encoder = self._encoder = _open_encoder(shape, frame)
            self._shape = shape
            self._key_90khz = (frame.pts or 0) - MAX_KEYFRAME_90KHZ
        return encoder

    def _shape_of(self, frame: VideoFrame) -> _Shape:
        # Chroma of 4:2:0 has half the pixels, so sides are even.
        width, height = frame.width & ~1, frame.height & ~1
        if not (width and height and width * height <= MAX_PIXELS):
            raise MediaError(f"{frame.width} x {frame.height} pixels")
        pictures_per_second = self._rates.pictures_per_second or PICTURES_PER_SECOND
        seen_bits = self._rates.bits_per_second
        bits = BITS_PER_PIXEL * width * height * pictures_per_second if seen_bits is None else HEADROOM * seen_bits
        return _Shape(width, height, max(round(bits), MIN_BITS_PER_SECOND), pictures_per_second)


def _open_encoder(shape: _Shape, frame: VideoFrame) -> av.VideoCodecContext:
    encoder: av.VideoCodecContext = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = shape.width, shape.height, "yuv420p"
    encoder.time_base = _TIME_BASE
    encoder.framerate = Fraction(shape.pictures_per_second)
    encoder.thread_count = 1
    encoder.color_range, encoder.colorspace = frame.color_range, frame.colorspace
    encoder.color_primaries, encoder.color_trc = frame.color_primaries, frame.color_trc
    encoder.options = {
        "preset": PRESET,
        "tune": "zerolatency",
        "profile": "baseline",
        "crf": QUALITY,
        "maxrate": str(shape.bits_per_second),
        "bufsize": str(shape.bits_per_second // 2),
        "forced-idr": "1",
        "x264-params": "keyint=infinite:scenecut=0",
    }
    encoder.open()
    return encoder
