"""Which source a producer sends, from flags and the environment."""

import os
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from headrace.base.errors import HeadraceError
from headrace.media.encoder import EncoderSettings
from headrace.media.ffmpeg_input import open_input, open_test_pattern, open_video_file
from headrace.media.frames_folder import FramesFolder
from headrace.media.live_stream import LiveStream
from headrace.media.pass_through import PassThrough
from headrace.media.source import Source

DEFAULT_RATE: Final = Fraction(25)


class SourceChoiceError(HeadraceError):
    """The flags do not choose one source."""


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """What to send; nothing given is a test pattern.

    Attributes:
        file: A video file, or None.
        frames: A folder of pictures, or None.
        audio: A folder of MP3 segments, one a second, that goes with ``frames``, or None.
        input: A camera or any other FFmpeg input, or None.
        stdin: MPEG-TS from standard input.
        test: The test pattern.
    """

    file: Path | None = None
    frames: Path | None = None
    audio: Path | None = None
    input: str | None = None
    stdin: bool = False
    test: bool = False

    def completed(self) -> "SourceChoice":
        """Return the choice, taken from FILE, FRAMES, AUDIO and INPUT in the environment if no flag made one.

        Raises:
            SourceChoiceError: More than one source was chosen, or sound without pictures.
        """
        chosen = [self.file, self.frames, self.input, self.stdin or None, self.test or None]
        if not any(chosen) and self.audio is None:
            return self._from_environment()._checked()
        return self._checked()

    @staticmethod
    def _from_environment() -> "SourceChoice":
        def path(name: str) -> Path | None:
            return Path(value) if (value := os.environ.get(name)) else None

        return SourceChoice(path("FILE"), path("FRAMES"), path("AUDIO"), os.environ.get("INPUT") or None)

    def _checked(self) -> "SourceChoice":
        chosen = [self.file, self.frames, self.input, self.stdin or None, self.test or None]
        if sum(item is not None for item in chosen) > 1:
            raise SourceChoiceError("choose one source: --file, --frames, --input, --stdin or --test")
        if self.audio is not None and self.frames is None:
            raise SourceChoiceError("--audio goes with --frames DIR")
        return self


def open_stream(
    choice: SourceChoice,
    settings: EncoderSettings,
    *,
    rate: Fraction | None,
    title: str | None,
    facts: dict[str, str],
    loop: bool,
) -> LiveStream | PassThrough:
    """Return the stream of the chosen source.

    Args:
        choice: What to send.
        settings: How to encode; a pass-through is not encoded.
        rate: Frames a second of a folder or the test pattern, None for their own.
        title: For the metadata.
        facts: For the metadata.
        loop: Begin again at the end.

    Raises:
        MediaError: The source is missing or unusable.
        ValueError: Title and facts are too long.
    """
    if choice.stdin:
        if sys.stdin.isatty():
            raise SourceChoiceError("--stdin wants MPEG-TS: pipe it in, such as from ffmpeg -f mpegts -")
        return PassThrough(sys.stdin.buffer, title=title, facts=facts)
    source = _open_source(choice, settings, rate)
    return LiveStream(source, settings, title=title, facts=facts, loop=loop)


def _open_source(choice: SourceChoice, settings: EncoderSettings, rate: Fraction | None) -> Source:
    if choice.frames is not None:
        return FramesFolder(choice.frames, choice.audio, rate or DEFAULT_RATE)
    if choice.file is not None:
        return open_video_file(choice.file)
    if choice.input is not None:
        return open_input(choice.input)
    return open_test_pattern(
        width=settings.width or 1280, height=settings.height or 720, frame_rate=rate or Fraction(30)
    )
