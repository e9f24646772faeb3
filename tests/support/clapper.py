"""A picture turns white in the moment in which a tone begins, again and again: a stream with B-frames and AAC."""

import io
from fractions import Fraction

import av
import numpy as np
from tests.support.reordered import B_FRAMES

from headrace.media.pcm import SAMPLE_RATE_HZ, pcm_frame

PICTURES_PER_SECOND = 25
CLAP_EACH_PICTURES = 20
CLAP_PICTURES = 5
"""White and loud for 200 ms of each 800."""
_WIDTH, _HEIGHT = 320, 180


def is_clap(picture: int) -> bool:
    """Return whether a picture is white, and the sound of its time loud."""
    return picture % CLAP_EACH_PICTURES >= CLAP_EACH_PICTURES - CLAP_PICTURES


def clapping_stream(pictures: int) -> bytes:
    """Return a transport stream of so many pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        video = container.add_stream("libx264", rate=PICTURES_PER_SECOND)
        audio = container.add_stream("aac", rate=SAMPLE_RATE_HZ)
        assert isinstance(video, av.VideoStream)
        assert isinstance(audio, av.AudioStream)
        video.width, video.height, video.options = _WIDTH, _HEIGHT, dict(B_FRAMES)
        audio.layout = "stereo"
        for number in range(pictures):
            frame = av.VideoFrame.from_ndarray(
                np.full((_HEIGHT, _WIDTH, 3), 235 if is_clap(number) else 20, np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = number, Fraction(1, PICTURES_PER_SECOND)
            container.mux(video.encode(frame))
            samples = SAMPLE_RATE_HZ // PICTURES_PER_SECOND
            times = np.arange(number * samples, (number + 1) * samples) / SAMPLE_RATE_HZ
            tone = is_clap(number) * 0.5 * np.sin(2 * np.pi * 1_000 * times).astype(np.float32)
            sound = pcm_frame(np.stack([tone, tone]).astype(np.float32))
            sound.pts, sound.time_base = number * samples, Fraction(1, SAMPLE_RATE_HZ)
            container.mux(audio.encode(sound))
        for stream in (video, audio):
            container.mux(stream.encode(None))
    return file.getvalue()
