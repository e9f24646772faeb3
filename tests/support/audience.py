"""Real programs that watch one channel together, and those that produce it in turn."""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.processes import BrokerProgram, Program, wait_until
from tests.support.programs import find_program
from tests.support.recordings import without_last_units
from tests.support.srt_programs import PACKET_BYTES, FfmpegDecoder, FileSubscriber, ffmpeg_url

POLL_SECONDS = 0.002


class ClipPublisher(Program):
    """``ffmpeg`` that publishes a transport stream as it is, in real time.

    Args:
        broker: Where.
        clip: The file.
        claim: One more key of its stream id, such as ``takeover=1``.
        first_pid: PID of its pictures. Sound, tables and their version go with it.
    """

    def __init__(self, broker: BrokerProgram, clip: Path, claim: str = "", *, first_pid: int = 0x100) -> None:
        stream_id = ",".join(["#!::r=A", "m=publish", *([claim] if claim else [])])
        url = f"srt://{broker.host}:{broker.port}?pkt_size={PACKET_BYTES}"
        command = [find_program("ffmpeg"), "-v", "error", "-re", "-i", str(clip), "-c", "copy", "-f", "mpegts"]
        command += ["-mpegts_start_pid", str(first_pid), "-mpegts_pmt_start_pid", str(0xF00 + first_pid)]
        command += ["-tables_version", str(first_pid >> 8)]
        super().__init__(
            [*command, "-srt_streamid", stream_id, url], broker.output.parent, f"{clip.stem}_publisher"
        )


class Recorder(Program):
    """``ffmpeg`` that records what it gets with ``-c copy``.

    Attributes:
        recording: The file.
    """

    def __init__(self, broker: BrokerProgram, folder: Path) -> None:
        self.recording = folder / "recorder.ts"
        command = [find_program("ffmpeg"), "-v", "error", "-analyzeduration", "1000000"]
        command += ["-i", ffmpeg_url(broker, "A"), "-c", "copy", "-flush_packets", "1", "-f", "mpegts"]
        super().__init__([*command, str(self.recording)], folder, "recorder")

    @property
    def recorded_bytes(self) -> int:
        return self.recording.stat().st_size if self.recording.exists() else 0


class Audience:
    """``srt-live-transmit``, an ``ffmpeg`` that records and one that decodes, in one channel.

    None of them may end or subscribe again while it is used as a context manager.

    Attributes:
        transmit: Writes what it gets.
        recorder: Records it.
        decoder: Counts the pictures.
        files: What ``transmit`` wrote and what ``recorder`` recorded, to the end of the last unit of each stream.
        longest_pause_seconds: For so long ``transmit`` has got nothing, at most.
    """

    def __init__(self, broker: BrokerProgram, folder: Path) -> None:
        self._broker = broker
        self.transmit = FileSubscriber(broker, folder, "transmit")
        self.recorder = Recorder(broker, folder)
        self.decoder = FfmpegDecoder(broker, folder, analyze_seconds=1)
        self.files = [folder / "transmitted.ts", folder / "recorded.ts"]
        self.longest_pause_seconds = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._measure_pauses, name="audience", daemon=True)

    def __enter__(self) -> Self:
        wait_until(lambda: self.recorder.recorded_bytes > 0 and self.decoder.frames > 0, "everybody sees pictures")
        self._thread.start()
        return self

    def _measure_pauses(self) -> None:
        size_bytes, grown = self.transmit.output_bytes, time.monotonic()
        while not self._stopped.wait(POLL_SECONDS):
            now = time.monotonic()
            if self.transmit.output_bytes != size_bytes:
                self.longest_pause_seconds = max(self.longest_pause_seconds, now - grown)
                size_bytes, grown = self.transmit.output_bytes, now

    def see_producer(self, number: int, pictures: int = 50) -> None:
        """Wait until everybody has seen the ``number``-th producer that went on the air for a while."""
        self._broker.wait_for("producer on the air", count=number)
        frames, recorded_bytes = self.decoder.frames, self.recorder.recorded_bytes
        wait_until(lambda: self.decoder.frames >= frames + pictures, f"pictures of producer {number}")
        wait_until(lambda: self.recorder.recorded_bytes > recorded_bytes, f"a recording of producer {number}")

    def recordings(self) -> list[Path]:
        """End everybody, and return `files`."""
        for program in (self.transmit, self.recorder, self.decoder):
            assert program.process.poll() is None, f"{program.process.args!r} has ended:\n{program.log}"
        self.stop()
        for file, ts in zip(
            self.files, (self.transmit.received(), self.recorder.recording.read_bytes()), strict=True
        ):
            file.write_bytes(without_last_units(ts))
        return self.files

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(5)
        for program in (self.recorder, self.decoder, self.transmit):
            program.stop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
