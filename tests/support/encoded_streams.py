"""Transport streams that FFmpeg's own muxer makes, as OBS and the ffmpeg program send them."""

import io
from fractions import Fraction

import av
import numpy as np
from tests.support.pictures import picture

from headrace.media.pcm import SAMPLE_RATE_HZ, pcm_frame

PAYLOAD_BYTES = 1316
FRAMES_PER_SECOND = 25


def encoded_stream(
    pictures: int = 50,
    *,
    video: str | None = "libx264",
    audio: str | None = "aac",
    video_options: dict[str, str] | None = None,
    mux_options: dict[str, str] | None = None,
    size: tuple[int, int] = (320, 180),
) -> bytes:
    """Return a stream of 25 pictures a second with a tone.

    Args:
        pictures: How many.
        video: FFmpeg's name of an encoder; None for none.
        audio: Likewise.
        video_options: Of the encoder; x264's "zerolatency" with a keyframe each second by default.
        mux_options: Of the muxer.
        size: Pixels of a row, and rows.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts", options=mux_options or {}) as container:
        picture_stream = container.add_stream(video, rate=FRAMES_PER_SECOND) if video else None
        sound_stream = container.add_stream(audio, rate=SAMPLE_RATE_HZ) if audio else None
        if picture_stream is not None:
            assert isinstance(picture_stream, av.VideoStream)
            picture_stream.width, picture_stream.height = size
            picture_stream.options = (
                dict(video_options) if video_options else {"tune": "zerolatency", "preset": "ultrafast", "g": "25"}
            )
        if sound_stream is not None:
            assert isinstance(sound_stream, av.AudioStream)
            sound_stream.layout = "stereo"
        for number in range(pictures):
            if picture_stream is not None:
                frame = picture(number, *size)
                frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
                container.mux(picture_stream.encode(frame))
            if sound_stream is not None:
                samples = SAMPLE_RATE_HZ // FRAMES_PER_SECOND
                times = (np.arange(samples) + number * samples) / SAMPLE_RATE_HZ
                tone = 0.3 * np.sin(2 * np.pi * 440 * times).astype(np.float32)
                sound = pcm_frame(np.stack([tone, tone]))
                sound.pts, sound.time_base = number * samples, Fraction(1, SAMPLE_RATE_HZ)
                container.mux(sound_stream.encode(sound))
        for stream in (picture_stream, sound_stream):
            if stream is not None:
                container.mux(stream.encode(None))
    return file.getvalue()


def payloads_of(ts: bytes) -> list[bytes]:
    """Return a stream in payloads of seven packets."""
    return [ts[at : at + PAYLOAD_BYTES] for at in range(0, len(ts), PAYLOAD_BYTES)]
