"""Sources that FFmpeg opens: video files, test pictures, cameras and network streams."""

import heapq
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

from headrace.media.errors import MediaError
from headrace.media.source import MICROSECONDS, SourceInfo, TimedFrame

MAX_DAMAGED_PACKETS: Final = 100
"""So many in a row, and the file is not damaged but something else."""
DEFAULT_FRAME_RATE: Final = Fraction(25)
OPEN_TIMEOUT_S: Final = 10.0
DEVICE_FORMATS: Final = frozenset(
    {"alsa", "avfoundation", "dshow", "fbdev", "gdigrab", "kmsgrab", "lavfi", "pulse", "v4l2", "x11grab"}
)
LIVE_SCHEMES: Final = (
    "rtsp://",
    "rtsps://",
    "rtmp://",
    "rtmps://",
    "rtp://",
    "udp://",
    "tcp://",
    "http://",
    "https://",
)


def _open(url: str, container_format: str | None, *, live: bool) -> InputContainer:
    options = {"fflags": "nobuffer", "rtsp_transport": "tcp"} if live else {}
    try:
        return av.open(url, format=container_format, options=options, timeout=OPEN_TIMEOUT_S if live else None)
    except FileNotFoundError as error:
        raise MediaError(f"there is no file or device {url}") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{url} cannot be opened: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)


class FfmpegInput:
    """Anything FFmpeg can open.

    Args:
        url: File, device or address.
        container_format: FFmpeg's name of the input format; guessed from the content if None.
        audio_url: Where the sound is, if not with the picture.
        live: Frames come at their own pace (a camera). A source that is not live is read once for the picture
            and once for the sound, so that both come in order however the file interleaves them.

    Raises:
        MediaError: It cannot be opened, or has no picture.
    """

    def __init__(
        self,
        url: str,
        container_format: str | None = None,
        *,
        audio_url: str | None = None,
        live: bool = False,
    ) -> None:
        self._url = url
        self._audio_url = audio_url
        self._format = container_format
        self.live = live
        self._container: InputContainer | None = None
        container = _open(url, container_format, live=live)
        try:
            self.info = self._inspect(container)
        except MediaError:
            container.close()
            raise
        if live:
            # A camera is opened once: a second opening may be refused.
            self._container = container
        else:
            container.close()

    def _inspect(self, container: InputContainer) -> SourceInfo:
        if not container.streams.video:
            raise MediaError(f"{self._url} has no video: give a file or an address with a picture")
        stream = container.streams.video[0]
        frame_rate = stream.average_rate or stream.guessed_rate or DEFAULT_FRAME_RATE
        if not stream.width or not stream.height:
            raise MediaError(f"{self._url} does not say how large its picture is: it is damaged or not video")
        has_audio = self._audio_url is not None or bool(container.streams.audio)
        return SourceInfo(stream.width, stream.height, Fraction(frame_rate), has_audio)

    def frames(self) -> Iterator[TimedFrame]:
        """Yield the frames by media time; of a live source as they arrive."""
        if self.live:
            return self._live_frames()
        parts = [self._stream_frames(self._url, "video")]
        if self.info.has_audio:
            parts.append(self._stream_frames(self._audio_url or self._url, "audio"))
        return heapq.merge(*parts, key=lambda item: item.time_us)

    def close(self) -> None:
        """Close the device or connection."""
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _stream_frames(self, url: str, kind: str) -> Iterator[TimedFrame]:
        with _open(url, self._format, live=False) as container:
            yield from self._decode(container, container.streams.get({kind: 0}))

    def _live_frames(self) -> Iterator[TimedFrame]:
        container = self._container or _open(self._url, self._format, live=True)
        self._container = container
        streams = [container.streams.video[0], *container.streams.audio[:1]]
        try:
            yield from self._decode(container, streams)
        finally:
            self.close()

    def _decode(self, container: InputContainer, streams: "list[av.stream.Stream]") -> Iterator[TimedFrame]:
        start_us = container.start_time
        next_us: dict[int, int] = {}
        damaged = 0
        for packet in self._packets(container, streams):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                damaged += 1
                if damaged > MAX_DAMAGED_PACKETS:
                    raise MediaError(
                        f"{self._url} cannot be decoded: it is damaged, or not what it says"
                    ) from None
                continue
            damaged = 0
            for frame in frames:
                assert isinstance(frame, (av.VideoFrame, av.AudioFrame))
                time_us = next_us.get(packet.stream_index, 0)
                if frame.pts is not None and frame.time_base is not None:
                    absolute_us = round(frame.pts * frame.time_base * MICROSECONDS)
                    if start_us is None:
                        start_us = absolute_us
                    time_us = max(0, absolute_us - start_us)
                duration_us = self._duration_us(frame)
                next_us[packet.stream_index] = time_us + duration_us
                yield TimedFrame(time_us, duration_us, frame)

    def _packets(
        self, container: InputContainer, streams: "list[av.stream.Stream]"
    ) -> "Iterator[av.Packet[av.stream.Stream]]":
        try:
            yield from container.demux(streams)
        except av.EOFError:
            return
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self._url} stopped: {_reason(error)}") from error

    def _duration_us(self, frame: "av.VideoFrame | av.AudioFrame") -> int:
        if isinstance(frame, av.AudioFrame):
            return frame.samples * MICROSECONDS // frame.sample_rate
        return int(MICROSECONDS / self.info.frame_rate)


def open_video_file(path: Path) -> FfmpegInput:
    """Return a source for a video file of any kind that FFmpeg reads.

    Raises:
        MediaError: There is no such file, it is not video, or has no picture.
    """
    if not path.is_file():
        raise MediaError(f"there is no file {path}: give a video file")
    return FfmpegInput(f"file:{path}")


def open_test_pattern(
    *,
    width: int = 1280,
    height: int = 720,
    frame_rate: Fraction | int = 30,
    tone_hz: int = 440,
    duration_s: float | None = None,
) -> FfmpegInput:
    """Return a source of FFmpeg's moving test picture, with a running clock, and a sine tone.

    Args:
        width: Pixels of a row.
        height: Rows.
        frame_rate: Pictures a second.
        tone_hz: Pitch of the tone.
        duration_s: End after so long; None for never.
    """
    ending = "" if duration_s is None else f":duration={duration_s}"
    return FfmpegInput(
        f"testsrc2=size={width}x{height}:rate={Fraction(frame_rate)}{ending}",
        "lavfi",
        audio_url=f"sine=frequency={tone_hz}:sample_rate=48000{ending}",
    )


def open_input(spec: str) -> FfmpegInput:
    """Return the source that ``spec`` names: ``FORMAT:URL`` for devices, or a URL, or a file.

    Examples: ``v4l2:/dev/video0``, ``rtsp://camera/stream``, ``lavfi:testsrc2=size=640x360:rate=30``.

    Raises:
        MediaError: It cannot be opened, or has no picture.
    """
    container_format, separator, url = spec.partition(":")
    if separator and container_format in DEVICE_FORMATS:
        return FfmpegInput(url, container_format, live=container_format != "lavfi")
    if spec.startswith(LIVE_SCHEMES):
        return FfmpegInput(spec, live=True)
    if "://" in spec:
        return FfmpegInput(spec)
    return open_video_file(Path(spec))
