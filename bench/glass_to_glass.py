"""How old a picture is when a browser shows it: SRT in, WHEP out, all on this machine, by one clock.

A camera that is not there stamps each picture when it takes it (`stamped_camera`), a broker passes it on, and the
broker's own page in Chromium plays it; a script reads the stamps from what is shown (`read_stamps.js`).

Source: the goal of half of them within 150 ms; W3C webrtc-stats; WICG video-rvfc (what is said of a picture).
"""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page
from tests.support.browser import chromium, visitor
from tests.support.ports import free_udp_port
from tests.support.processes import Program
from tests.support.web_broker import HOST, WebBroker

CHANNEL_ID: Final = "glass"
GOAL_MS: Final = 150
CLOCK_ERROR_MS: Final = 2
"""Between a page's clock and the machine's: ``Date.now()`` tells whole milliseconds."""
FFMPEG_SOUNDS_AT_ONCE: Final = 8
"""So many AAC frames of 128 kbit/s FFmpeg puts into one PES packet, unless it is told ``-pes_payload_size 0``."""
PARTS: Final = ("drawing, encoding", "to the browser", "waiting there", "decoding", "until shown", "in all")
_READER: Final = Path(__file__).with_name("read_stamps.js")
_STATISTICS: Final = """async () => {
  const report = await globalThis.connections.at(-1).getStats();
  const streams = [...report.values()].filter((one) => one.type === "inbound-rtp");
  return Object.fromEntries(streams.map((one) => [one.kind, one]));
}"""


@dataclass(frozen=True, slots=True)
class GlassPlan:
    """How a run is to be.

    Attributes:
        sounds_at_once: How many frames of AAC leave the camera at once; 0 if it has no microphone.
        has_opus: Whether there is Opus beside the AAC, as `headrace produce` sends it.
        settle_seconds: So long nothing counts: a browser finds out how much it has to hold back.
        seconds: How long pictures are looked at.
    """

    sounds_at_once: int = 1
    has_opus: bool = False
    settle_seconds: float = 10.0
    seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class GlassAges:
    """What a run showed.

    Attributes:
        sound: What there was of it, in words.
        parts_ms: How long each of `PARTS` took; shape ``(pictures, len(PARTS))``.
        unread: Pictures without a stamp of the camera, or with that of another one than the browser tells about.
        sound_held_ms: How long the browser held sound back on average; None where there was none.
        pictures_held_ms: Likewise pictures, with decoding.
        lost_packets: Of both, while pictures were looked at.
    """

    sound: str
    parts_ms: NDArray[np.float64]
    unread: int
    sound_held_ms: float | None
    pictures_held_ms: float
    lost_packets: int


def measure_glass_to_glass(plan: GlassPlan) -> GlassAges:
    """Run a broker, the camera and a browser.

    Raises:
        AssertionError: One of them did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-glass-") as scratch:
        folder = Path(scratch)
        with WebBroker(folder, ("--webrtc-port", str(free_udp_port(HOST)))) as broker:
            log = folder / "taken.txt"
            with _camera(broker, folder, log, plan):
                broker.wait_until_live(CHANNEL_ID)
                shown, before, after = _watch(broker, plan)
            return _put_together(plan, shown, _read_log(log), before, after)


@contextmanager
def _camera(broker: WebBroker, folder: Path, log: Path, plan: GlassPlan) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.stamped_camera", broker.srt, CHANNEL_ID, str(log)]
    command += [str(plan.sounds_at_once), *(["opus"] if plan.has_opus else [])]
    with Program(command, folder, "camera"):
        yield


def _watch(broker: WebBroker, plan: GlassPlan) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Return what was shown, and the browser's statistics before and after."""
    with chromium() as browser, visitor(browser, broker.url) as page:
        page.add_init_script(path=_READER)
        page.goto(f"/watch/{CHANNEL_ID}")
        page.locator("#player[data-state=playing]").wait_for()
        page.wait_for_timeout(plan.settle_seconds * 1000)
        before = _statistics(page)
        page.evaluate("globalThis.watchStamps(document.getElementById('video'))")
        page.wait_for_timeout(plan.seconds * 1000)
        return page.evaluate("globalThis.stamps"), before, _statistics(page)


def _statistics(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(_STATISTICS)
    return found


def _read_log(log: Path) -> dict[int, tuple[int, int]]:
    """Return by stamp when a picture was taken and how long encoding took, microseconds."""
    lines = [list(map(int, line.split())) for line in log.read_text().splitlines()[:-1]]
    return {stamp: (taken_us, encode_us) for stamp, taken_us, encode_us in lines}


def _put_together(
    plan: GlassPlan,
    shown: list[dict[str, Any]],
    taken: dict[int, tuple[int, int]],
    before: dict[str, Any],
    after: dict[str, Any],
) -> GlassAges:
    rows = [_parts_ms(one, *taken[one["stamp"]]) for one in shown if one["stamp"] in taken]
    # A picture that came before it was sent: the browser had the next one to show already when it was read.
    rows = [row for row in rows if row[PARTS.index("to the browser")] > -CLOCK_ERROR_MS]
    return GlassAges(
        _sound_of(plan),
        np.array(rows, np.float64).reshape(-1, len(PARTS)),
        len(shown) - len(rows),
        _held_ms(before["audio"], after["audio"]) if "audio" in after else None,
        _held_ms(before["video"], after["video"]),
        _lost_packets(after) - _lost_packets(before),
    )


def _sound_of(plan: GlassPlan) -> str:
    if not plan.sounds_at_once:
        return "without sound"
    return "with Opus beside AAC" if plan.has_opus else f"with AAC, {plan.sounds_at_once} frames at once"


def _parts_ms(one: dict[str, Any], taken_us: int, encode_us: int) -> tuple[float, ...]:
    taken_ms, encode_ms = taken_us / 1000, encode_us / 1000
    # A picture that was read after it should have been seen was not seen before.
    shown_ms = max(one["displayedMs"], one["calledMs"])
    return (
        encode_ms,
        one["receivedMs"] - taken_ms - encode_ms,
        one["presentedMs"] - one["receivedMs"] - one["decodeMs"],
        one["decodeMs"],
        shown_ms - one["presentedMs"],
        shown_ms - taken_ms,
    )


def _lost_packets(statistics: dict[str, Any]) -> int:
    return sum(int(one["packetsLost"]) for one in statistics.values())


def _held_ms(before: dict[str, Any], after: dict[str, Any]) -> float:
    count = after["jitterBufferEmittedCount"] - before["jitterBufferEmittedCount"]
    seconds = after["jitterBufferDelay"] - before["jitterBufferDelay"]
    return float(1000 * seconds / max(count, 1))


def print_glass_to_glass(*runs: GlassAges) -> None:
    """Print the parts of each run, and the facts about this machine."""
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for run in runs:
        print(f"\n{len(run.parts_ms)} pictures {run.sound}: {run.unread} unread, {run.lost_packets} packets lost")
        print(f"{'ms':<20}{'min':>8}{'p50':>8}{'p95':>8}{'max':>8}")
        for name, column in zip(PARTS, run.parts_ms.T, strict=True):
            print(f"{name:<20}" + "".join(f"{value:8.1f}" for value in np.percentile(column, [0, 50, 95, 100])))
        held = "" if run.sound_held_ms is None else f", sound {run.sound_held_ms:.0f} ms"
        print(f"held back by the browser, mean: pictures {run.pictures_held_ms:.0f} ms{held}")
    print(f"\ngoal: p50 in all <= {GOAL_MS} ms")
