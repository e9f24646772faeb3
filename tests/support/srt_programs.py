"""Real SRT programs at work on a broker: what they are called with, and what they sent or got."""

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support.processes import POLL_SECONDS, Listening, Program, wait_until
from tests.support.programs import find_program

PACKET_BYTES = 1316
PACKETS_PER_SECOND = 190
"""2 Mbit/s."""
TAIL_PACKETS = 100
"""Half a second of packets after those that count, where packets are lost."""
MAX_CATCH_UP_SECONDS = 0.05
"""So much of what a busy machine kept it from feeding, a publisher makes up for at once; the rest stays late."""
KEYS_CHANGE = "&kmrefreshrate=300&kmpreannounce=149"
"""For the URL of a sender: as many packets before a key's last one, the next is announced.

libsrt 1.5.1 looks after its keys when it is acknowledged. Where more packets than these leave between two looks,
it seals with a key that it has not made, and aborts in libnettle.
"""


def numbered_payloads() -> Iterator[bytes]:
    """Yield payloads each of which says its number all over, without end."""
    for number in itertools.count():
        yield number.to_bytes(4, "big") * (PACKET_BYTES // 4)


def assert_every_byte_came(subscriber: Program, sent: bytes, *, tail_packets: int = 0) -> None:
    """Wait until a subscriber has written as much as was sent, end it and compare the two.

    Args:
        subscriber: Who is to have it all.
        sent: All that was sent.
        tail_packets: So many of the last packets may be missing at the end. libsrt sends again what is reported
            as lost, and nobody misses the last packets of all.
    """
    least_bytes = len(sent) - tail_packets * PACKET_BYTES
    wait_until(lambda: subscriber.output_bytes >= least_bytes, f"{least_bytes} bytes of {subscriber.output}")
    subscriber.stop()
    received = subscriber.output.read_bytes()
    pairs = enumerate(zip(received, sent, strict=False))
    difference = next((at for at, (came, gone) in pairs if came != gone), None)
    assert difference is None, f"another byte at {difference} of {len(sent)}"
    assert least_bytes <= len(received) <= len(sent)


def ffmpeg_url(broker: Listening, stream_id: str, *, port: int | None = None, latency_ms: int = 120) -> str:
    """Return an SRT URL for ffmpeg, whose latency is in microseconds."""
    url = f"srt://{broker.host}:{port or broker.port}?streamid={stream_id}&pkt_size={PACKET_BYTES}"
    return f"{url}&latency={latency_ms * 1000}"


class PacedPublisher(Program):
    """``srt-live-transmit`` fed with numbered packets in real time, so that what was sent is known to the byte.

    Args:
        broker: Where it publishes.
        folder: For its output.
        stream_id: As what.
        port: Of a proxy before the broker.
        latency_ms: Its SRT latency.
        payloads: What to send, of `PACKET_BYTES` each; numbered packets without end by default.
        query: More of its URL.

    Attributes:
        sent: What has been written so far.
    """

    CONNECTED = "SRT target connected"
    """What it says when it may be fed."""

    def __init__(
        self,
        broker: Listening,
        folder: Path,
        stream_id: str = "publish:A",
        *,
        port: int | None = None,
        latency_ms: int = 120,
        name: str = "publisher",
        payloads: Iterable[bytes] | None = None,
        query: str = "",
    ) -> None:
        command = self._command(broker, stream_id, query, port=port, latency_ms=latency_ms)
        super().__init__(command, folder, name, has_stdin=True)
        self.sent = bytearray()
        self._payloads = numbered_payloads() if payloads is None else payloads
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="paced-publisher", daemon=True)
        self._thread.start()

    def _command(
        self, broker: Listening, stream_id: str, query: str, *, port: int | None, latency_ms: int
    ) -> list[str]:
        url = broker.url(stream_id, port=port, latency_ms=latency_ms) + query
        # Up to 1.5.4 it sends when it has read ten packets, and does not look for more in what it has read ahead:
        # the last packets would stay with it for ever.
        command = [find_program("stdbuf"), "-i0", find_program("srt-live-transmit"), "-buffering:1", "-a:no"]
        return [*command, "-loglevel", "fatal", f"-chunk:{PACKET_BYTES}", "file://con", url]

    def _feed(self) -> None:
        # What srt-live-transmit reads before it is connected, it throws away.
        while self.CONNECTED not in self.log:
            if self._stopped.wait(POLL_SECONDS):
                return
        due = time.monotonic()
        for packet in self._payloads:
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
            due = max(due + 1 / PACKETS_PER_SECOND, time.monotonic() - MAX_CATCH_UP_SECONDS)
            try:
                self.write(packet)
            except OSError:  # it has ended, which the test finds out by other means
                return
            self.sent += packet

    def finish(self, *, tail_packets: int = 0) -> bytes:
        """Feed so many more packets and then none, leave time for what is lost to be sent again; return it all."""
        goal_bytes = len(self.sent) + tail_packets * PACKET_BYTES
        wait_until(lambda: len(self.sent) >= goal_bytes, "the last packets")
        self._stopped.set()
        self._thread.join(5)
        time.sleep(1)
        return bytes(self.sent)

    def stop(self, *arguments: object) -> None:
        self._stopped.set()
        self._thread.join(5)
        super().stop()


class PacedFfmpeg(PacedPublisher):
    """``ffmpeg`` fed likewise: it passes on what it reads as it is, and reads when it is connected."""

    CONNECTED = ""

    def _command(
        self, broker: Listening, stream_id: str, query: str, *, port: int | None, latency_ms: int
    ) -> list[str]:
        url = ffmpeg_url(broker, stream_id, port=port, latency_ms=latency_ms) + query
        command = [
            find_program("ffmpeg"),
            "-v",
            "warning",
            "-f",
            "data",
            "-i",
            "pipe:0",
            "-map",
            "0",
            "-c",
            "copy",
        ]
        # It reads 1024 bytes at a time; unless it flushes them it sends packets of PACKET_BYTES.
        return [*command, "-flush_packets", "0", "-f", "data", url]


class FileSubscriber(Program):
    """``srt-live-transmit`` that writes what it gets to its standard output, each packet at once.

    Args:
        broker: Where it subscribes.
        folder: For its output.
        name: Of its files.
        stream_id: What it wants.
        port: Of a proxy before the broker.
        latency_ms: Its SRT latency.
        query: More of its URL.
    """

    def __init__(
        self,
        broker: Listening,
        folder: Path,
        name: str,
        *,
        stream_id: str = "A",
        port: int | None = None,
        latency_ms: int = 120,
        query: str = "",
    ) -> None:
        url = broker.url(stream_id, port=port, latency_ms=latency_ms) + query
        # By itself it writes 4096 bytes at a time, and the last ones when it ends.
        command = [find_program("stdbuf"), "-o0", find_program("srt-live-transmit"), "-q", "-a:no"]
        super().__init__([*command, url, "file://con"], folder, name)

    def received(self) -> bytes:
        """End it and return everything that it wrote."""
        self.stop()
        return self.output.read_bytes()


def make_clip(path: Path, seconds: float, *, keyframe_interval_frames: int = 25) -> Path:
    """Make a video file of 25 frames a second with sound, of about 1.5 Mbit/s."""
    command = [find_program("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"]
    command += ["-f", "lavfi", "-i", "sine=frequency=440", "-t", str(seconds), "-c:v", "libx264"]
    command += [
        "-preset",
        "ultrafast",
        "-g",
        str(keyframe_interval_frames),
        "-sc_threshold",
        "0",
        "-b:v",
        "1500k",
        "-c:a",
        "aac",
        str(path),
    ]
    with Program(command, path.parent, "make_clip") as ffmpeg:
        assert ffmpeg.wait() == 0, ffmpeg.log
    return path


class FfmpegPublisher(Program):
    """``ffmpeg`` that publishes a file in real time with ``-c copy``, and keeps a copy of what it sends.

    Attributes:
        copy: File with the transport stream as it was sent.
    """

    def __init__(
        self,
        broker: Listening,
        folder: Path,
        clip: Path,
        *,
        name: str = "ffmpeg_publisher",
        loops: int = 0,
        query: str = "",
    ) -> None:
        self.copy = folder / f"{name}.ts"
        url = (ffmpeg_url(broker, "publish:A") + query).replace(":", "\\:")
        command = [find_program("ffmpeg"), "-v", "warning", "-re", "-stream_loop", str(loops), "-i", str(clip)]
        command += ["-map", "0", "-c", "copy", "-f", "tee", f"[f=mpegts]{self.copy}|[f=mpegts]{url}"]
        super().__init__(command, folder, name)


class _Killed(Program):
    """``ffmpeg`` that has written what came, and would heed SIGTERM only when something comes."""

    def stop(self, *arguments: object) -> None:
        self.kill()


class FfmpegSubscriber(_Killed):
    """``ffmpeg`` that subscribes and writes the transport stream to its standard output as it comes."""

    def __init__(
        self,
        broker: Listening,
        folder: Path,
        name: str = "ffmpeg_subscriber",
        *,
        log_level: str = "warning",
        port: int | None = None,
        latency_ms: int = 120,
        query: str = "",
    ) -> None:
        url = ffmpeg_url(broker, "A", port=port, latency_ms=latency_ms) + query
        command = [find_program("ffmpeg"), "-v", log_level, "-i", url]
        command += ["-c", "copy", "-flush_packets", "1", "-f", "mpegts", "pipe:1"]
        super().__init__(command, folder, name)


class RawFfmpegSubscriber(_Killed):
    """``ffmpeg`` that subscribes and writes every byte that it gets as it is."""

    def __init__(self, broker: Listening, folder: Path, name: str = "raw_ffmpeg", *, query: str = "") -> None:
        command = [find_program("ffmpeg"), "-v", "warning", "-f", "data", "-i", ffmpeg_url(broker, "A") + query]
        command += ["-map", "0", "-c", "copy", "-flush_packets", "1", "-f", "data", "pipe:1"]
        super().__init__(command, folder, name)


class FfmpegDecoder(_Killed):
    """``ffmpeg`` that subscribes and writes a line for each picture that it has decoded to its standard output."""

    def __init__(
        self, broker: Listening, folder: Path, name: str = "ffmpeg_decoder", *, analyze_seconds: float = 5
    ) -> None:
        command = [
            find_program("ffmpeg"),
            "-v",
            "error",
            "-analyzeduration",
            str(int(analyze_seconds * 1_000_000)),
        ]
        command += ["-i", ffmpeg_url(broker, "A"), "-map", "0:v"]
        super().__init__([*command, "-flush_packets", "1", "-f", "framemd5", "pipe:1"], folder, name)

    @property
    def frames(self) -> int:
        """Pictures so far."""
        return sum(not line.startswith("#") for line in self.output.read_text().splitlines())


def decoded_frames(transport_stream: Path, *, seconds: float = 3600) -> int:
    """Return how many video frames ``ffmpeg`` decodes from a file.

    Args:
        transport_stream: The file.
        seconds: Decode no more: a program that was stopped may have written a part of its last frame.

    Raises:
        AssertionError: It complains about the file.
    """
    command = [find_program("ffmpeg"), "-v", "error", "-t", str(seconds), "-i", str(transport_stream)]
    with Program(
        [*command, "-map", "0:v", "-f", "framemd5", "pipe:1"], transport_stream.parent, "decode"
    ) as ffmpeg:
        assert ffmpeg.wait() == 0
        assert ffmpeg.log == ""
        lines = ffmpeg.output.read_text().splitlines()
    return sum(not line.startswith("#") for line in lines)
