"""What is in a recorded transport stream: its units as ``ffprobe`` parts them, and the pictures it decodes."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tests.support.processes import Program
from tests.support.programs import find_program
from tests.support.transport import packets_of

from headrace.mpegts.continuity import ContinuityCounters
from headrace.mpegts.packet import decode_packet

NEIGHBOURS = 30
"""Units, of which there are 68 a second: a frame of sound and its picture are sent within less."""


class Unit(NamedTuple):
    """A picture, or a frame of sound.

    Attributes:
        kind: ``video`` or ``audio``.
        digest: Of its content.
        pts_ms: Its time, milliseconds.
    """

    kind: str
    digest: str
    pts_ms: float


class Run(NamedTuple):
    """Pictures of one clip in a row.

    Attributes:
        clip: Its name; empty for pictures of no clip.
        first: Number of the first of them.
        pictures: How many.
    """

    clip: str
    first: int
    pictures: int


def _probe(path: Path, *options: str) -> dict[str, Any]:
    command = [find_program("ffprobe"), "-v", "error", "-of", "json", *options, str(path)]
    with Program(command, path.parent, f"probe-{path.stem}") as ffprobe:
        assert ffprobe.wait(60) == 0, ffprobe.log
        found: dict[str, Any] = json.loads(ffprobe.output.read_bytes())
    return found


def units(path: Path) -> list[Unit]:
    """Return the pictures and frames of sound of a file that have a time, in its order."""
    entries = "packet=codec_type,pts_time,data_hash"
    found = _probe(path, "-show_data_hash", "MD5", "-show_entries", entries)
    packets = [packet for packet in found["packets"] if "pts_time" in packet]
    return [Unit(p["codec_type"], p["data_hash"], float(p["pts_time"]) * 1000) for p in packets]


def decoded_pictures(path: Path) -> Counter[int]:
    """Return how many pictures of each width are decoded from a file."""
    found = _probe(path, "-select_streams", "v", "-show_entries", "frame=width")
    return Counter(frame["width"] for frame in found["frames"])


def complaints(log: str) -> list[str]:
    """Return what ``ffmpeg -v error`` has said that is not about its own output.

    That counts time in pictures of the first producer's rate, so two of another rate may fall on one.
    """
    return [line for line in log.splitlines() if "non monotonically increasing dts to muxer" not in line]


def steps_back(path: Path) -> list[str]:
    """Return the units of a file whose decoding time is not after that of the one before, in each stream."""
    found = _probe(path, "-show_entries", "packet=stream_index,dts_time")
    last: dict[int, float] = {}
    back = []
    for packet in found["packets"]:
        if "dts_time" in packet:
            stream, dts = packet["stream_index"], float(packet["dts_time"])
            if dts <= last.get(stream, -1.0):
                back.append(f"stream {stream}: {last[stream]} -> {dts}")
            last[stream] = dts
    return back


def decode(path: Path) -> list[str]:
    """Decode a file, and return the complaints."""
    command = [find_program("ffmpeg"), "-v", "error", "-i", str(path), "-f", "null", "-"]
    with Program(command, path.parent, f"decode-{path.stem}") as ffmpeg:
        assert ffmpeg.wait(60) == 0, ffmpeg.log
        return complaints(ffmpeg.log)


def without_last_units(ts: bytes) -> bytes:
    """Return a recording without the unit of each stream that was not over when it ended."""
    packets = packets_of(ts[: len(ts) // 188 * 188])
    decoded = [decode_packet(packet) for packet in packets]
    last = {packet.pid: at for at, packet in enumerate(decoded) if packet.payload_unit_start}
    return b"".join(packet for at, packet in enumerate(packets) if at < last.get(decoded[at].pid, -1))


def runs(recording: list[Unit], clips: dict[str, list[Unit]]) -> list[Run]:
    """Return which pictures of which clips a recording has, in its order.

    Pictures in which little moves can be alike: such a one goes on with the run if it can.
    """
    places: dict[str, list[tuple[str, int]]] = {}
    for name, clip in clips.items():
        for number, unit in enumerate(unit for unit in clip if unit.kind == "video"):
            places.setdefault(unit.digest, []).append((name, number))
    found: list[Run] = []
    for unit in recording:
        if unit.kind != "video":
            continue
        candidates = places.get(unit.digest, [("", 0)])
        last = found[-1] if found else None
        if last is not None and (last.clip, last.first + last.pictures if last.clip else 0) in candidates:
            found[-1] = last._replace(pictures=last.pictures + 1)
        else:
            found.append(Run(*candidates[0], 1))
    return found


def continuity_errors(path: Path) -> int:
    """Return how many packets of a file have a continuity counter that is wrong and not excused by a mark."""
    return ContinuityCounters().feed(np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 188))


def shifts_ms(recording: list[Unit], sent: list[Unit]) -> list[float]:
    """Return how far each frame of sound has moved from its picture, from ``sent`` to ``recording``.

    Its picture is that of the nearest time among those that were sent around it. Frames whose content is there
    twice are left out.
    """
    times = Counter(unit.digest for unit in sent)
    recorded_ms = {unit.digest: unit.pts_ms for unit in recording if times[unit.digest] == 1}
    shifts = []
    for at, sound in enumerate(sent):
        around = sent[max(0, at - NEIGHBOURS) : at + NEIGHBOURS]
        pictures = [unit for unit in around if unit.kind == "video" and unit.digest in recorded_ms]
        if sound.kind == "audio" and sound.digest in recorded_ms and pictures:
            picture = min(pictures, key=lambda unit: abs(unit.pts_ms - sound.pts_ms))
            moved_ms = [recorded_ms[unit.digest] - unit.pts_ms for unit in (sound, picture)]
            shifts.append(moved_ms[0] - moved_ms[1])
    return shifts
