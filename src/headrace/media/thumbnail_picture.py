"""The picture that a piece of transport stream begins with, as a small JPEG.

Blocking, and what it decodes may be hostile: `headrace.media.thumbnailer` runs it in a process of its own.
"""

import io
from fractions import Fraction
from typing import Any, Final

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from headrace.base.errors import PacketError
from headrace.media.errors import MediaError
from headrace.media.thumbnail import Thumbnail
from headrace.mpegts.metadata import decode_metadata

WIDTH_PIXELS: Final = 480
HEIGHT_PIXELS: Final = 270
QUALITY: Final = 80
"""15 to 30 KB of most pictures."""
MAX_PIXELS: Final = 8192 * 4320
"""The largest that H.264 has; no smaller picture needs more memory than the process may have."""
OPTIONS: Final = {
    "probesize": "1000000",
    # Of what FFmpeg can decode, nothing but what a broadcaster sends: the rest is old, and was never under fire.
    "codec_whitelist": "h264,hevc,mpeg1video,mpeg2video,libdav1d,av1,vvc,aac,mp2,mp3,ac3",
}
"""The first of these lets FFmpeg not read to the end for what it wants to know of the streams."""


def thumbnail_of(stream: bytes) -> Thumbnail | None:
    """Return a picture of 480 x 270 pixels, with black bars where the stream's has another shape.

    Args:
        stream: Whole transport packets, from the tables before a keyframe on.

    Returns:
        None if there is no whole keyframe in it yet: it ends with the next unit's first packet.

    Raises:
        MediaError: It cannot be decoded.
    """
    try:
        with av.open(io.BytesIO(stream), format="mpegts", options=dict(OPTIONS)) as container:
            assert isinstance(container, InputContainer)
            if not container.streams.video:
                return None
            return _look(container, container.streams.video[0])
    except (FFmpegError, ValueError) as error:
        raise MediaError(f"no picture can be decoded: {error}") from error


def _look(container: InputContainer, video: VideoStream) -> Thumbnail | None:
    video.thread_count = 1
    if video.width * video.height > MAX_PIXELS:
        raise MediaError(f"{video.width} x {video.height} pixels are too many")
    title: str | None = None
    keyframe: Packet[Any] | None = None
    for packet in container.demux():
        # The last one of each stream, without bytes, says that it is over.
        if not packet.size:
            continue
        if packet.stream.type == "data" and title is None:
            title = _title_of(bytes(packet))
        if packet.stream.index != video.index:
            continue
        if keyframe is not None:
            return _picture(video, keyframe, title)
        if packet.is_keyframe:
            keyframe = packet
    return None


def _title_of(tag: bytes) -> str | None:
    try:
        return decode_metadata(tag).title
    except PacketError:
        return None


def _picture(video: VideoStream, keyframe: "Packet[Any]", title: str | None) -> Thumbnail | None:
    context = video.codec_context
    frames = context.decode(keyframe) + context.decode(None)
    if not frames:
        return None
    frame = frames[0]
    jpeg = _encode(frame, video.sample_aspect_ratio)
    return Thumbnail(jpeg, context.name, frame.width, frame.height, bool(context.has_b_frames), title)


def warm_up() -> None:
    """Load what a picture needs, which takes longer than to make one."""
    _encode(VideoFrame(WIDTH_PIXELS, HEIGHT_PIXELS, "yuv420p"), None)


def _encode(frame: VideoFrame, pixel_shape: Fraction | None) -> bytes:
    shown_width = float(frame.width * (pixel_shape or 1))
    scale = min(WIDTH_PIXELS / shown_width, HEIGHT_PIXELS / frame.height)
    width, height = max(2, round(shown_width * scale)), max(2, round(frame.height * scale))
    plane = frame.reformat(width=width, height=height, format="rgb24").planes[0]
    # Not by way of NumPy, which starts threads when it is loaded.
    picture = Image.frombuffer("RGB", (width, height), bytes(plane), "raw", "RGB", plane.line_size, 1)
    canvas = Image.new("RGB", (WIDTH_PIXELS, HEIGHT_PIXELS))
    canvas.paste(picture, ((WIDTH_PIXELS - width) // 2, (HEIGHT_PIXELS - height) // 2))
    out = io.BytesIO()
    canvas.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
