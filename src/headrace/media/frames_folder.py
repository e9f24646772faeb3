"""A folder of pictures and a folder of sound: frames in natural order, one MP3 for each second."""

import heapq
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

from headrace.media.errors import MediaError
from headrace.media.pcm import CHANNELS, SAMPLE_RATE_HZ, F32Array, Resampler, pcm_frame
from headrace.media.source import MICROSECONDS, SourceInfo, TimedFrame

PICTURE_CODECS: Final = {".jpg": "mjpeg", ".jpeg": "mjpeg", ".png": "png"}
SOUND_SUFFIXES: Final = frozenset({".mp3"})
BLOCK_SAMPLES: Final = SAMPLE_RATE_HZ // 50
"""Sound goes out in steps of 20 ms, so that a second of it is not sent at once."""


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts ``frame2`` before ``frame10``."""
    parts = re.findall(r"\d+|\D+", path.name)
    return tuple((0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts)


def list_folder(folder: Path, suffixes: frozenset[str], what: str) -> list[Path]:
    """Return the files of ``folder`` with these suffixes, in natural order.

    Raises:
        MediaError: There is no such folder, or nothing of that kind in it.
    """
    if not folder.is_dir():
        raise MediaError(f"there is no folder {folder}: give the folder that holds the {what}")
    files = [path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file()]
    if not files:
        endings = ", ".join(f"*{suffix}" for suffix in sorted(suffixes))
        raise MediaError(f"no {what} in {folder}: it has to hold files such as {endings}")
    return sorted(files, key=natural_key)


class FramesFolder:
    """JPEG or PNG files as pictures and MP3 files as sound, second n of the sound starting at n seconds exactly.

    Args:
        frames_dir: Folder of pictures.
        audio_dir: Folder of MP3 files, one for each second, or None for no sound.
        frame_rate: Pictures a second.

    Raises:
        MediaError: A folder is missing or empty, the rate is not above 0, or the first picture is damaged.
    """

    live = False

    def __init__(
        self, frames_dir: Path, audio_dir: Path | None = None, frame_rate: Fraction | int = Fraction(25)
    ) -> None:
        self._frame_rate = Fraction(frame_rate)
        if self._frame_rate <= 0:
            raise MediaError(f"a frame rate of {frame_rate} shows nothing: give one above 0")
        self._pictures = list_folder(frames_dir, frozenset(PICTURE_CODECS), "frames")
        self._sounds = [] if audio_dir is None else list_folder(audio_dir, SOUND_SUFFIXES, "audio segments")
        first = decode_picture(self._pictures[0])
        self.info = SourceInfo(first.width, first.height, self._frame_rate, bool(self._sounds))

    def frames(self) -> Iterator[TimedFrame]:
        """Yield the pictures and blocks of sound by media time. Sound ends with the pictures at the latest."""
        return heapq.merge(self._video(), self._audio(), key=lambda item: item.time_us)

    def close(self) -> None:
        """Nothing is held open."""

    def _time_us(self, index: int) -> int:
        return int(index * MICROSECONDS / self._frame_rate)

    def _video(self) -> Iterator[TimedFrame]:
        for index, path in enumerate(self._pictures):
            time_us = self._time_us(index)
            yield TimedFrame(time_us, self._time_us(index + 1) - time_us, decode_picture(path))

    def _audio(self) -> Iterator[TimedFrame]:
        end_us = self._time_us(len(self._pictures))
        duration_us = BLOCK_SAMPLES * MICROSECONDS // SAMPLE_RATE_HZ
        for second, path in enumerate(self._sounds):
            if second * MICROSECONDS >= end_us:
                return
            samples = decode_second(path)
            for at in range(0, SAMPLE_RATE_HZ, BLOCK_SAMPLES):
                time_us = second * MICROSECONDS + at * MICROSECONDS // SAMPLE_RATE_HZ
                if time_us < end_us:
                    yield TimedFrame(time_us, duration_us, pcm_frame(samples[:, at : at + BLOCK_SAMPLES]))


def decode_picture(path: Path) -> av.VideoFrame:
    """Return the picture in a JPEG or PNG file.

    Raises:
        MediaError: The file cannot be read or is damaged.
    """
    try:
        codec = av.CodecContext.create(PICTURE_CODECS[path.suffix.lower()], "r")
        assert isinstance(codec, av.VideoCodecContext)
        frames = codec.decode(av.Packet(path.read_bytes())) + codec.decode(None)
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"{path} is not a picture that can be decoded: replace or remove it") from error
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error
    if not frames:
        raise MediaError(f"{path} holds no picture: replace or remove it")
    return frames[0]


def decode_second(path: Path) -> F32Array:
    """Return the sound of a file, cut or filled up with silence to one second; shape ``(2, 48000)``.

    Raises:
        MediaError: The file cannot be read or is damaged.
    """
    second = np.zeros((CHANNELS, SAMPLE_RATE_HZ), np.float32)
    resampler = Resampler()
    try:
        with av.open(str(path)) as container:
            parts = [resampler.convert(frame) for frame in container.decode(audio=0)]
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise MediaError(f"{path} is not sound that can be decoded: replace or remove it") from error
    samples = np.concatenate([*parts, resampler.flush()], axis=1)[:, :SAMPLE_RATE_HZ]
    second[:, : samples.shape[1]] = samples
    return second
