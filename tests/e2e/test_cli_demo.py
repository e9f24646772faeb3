"""``headrace demo`` as a newcomer runs it, and what it leaves behind: nothing, however it ends."""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from tests.support.headrace_commands import Headrace
from tests.support.long_runs import only_long
from tests.support.ports import free_tcp_port, free_udp_port
from tests.support.processes import wait_until

SAMPLES = Path(__file__).parents[2] / "samples"
PROCESSES = Path("/proc")
STARTING, RUNNING = 1, 4
"""Processes that a demo has started when only its broker is there, and when all are."""
LONGEST_SECONDS = 100
"""On a machine that has hardly any time for it: the demo waits 30 s for each of three things."""
needs_proc = pytest.mark.skipif(not (PROCESSES / "self" / "environ").exists(), reason="there is no /proc")


def started_by(demo: Headrace) -> list[int]:
    """Return the processes that a demo has started and that run, also after it is gone itself."""
    mark = f"HEADRACE_PARENT_PID={demo.process.pid}".encode()
    return [pid for pid in map(int, filter(str.isdigit, os.listdir(PROCESSES))) if mark in environment(pid)]


def wait_for_processes(demo: Headrace, count: int) -> None:
    wait_until(
        lambda: len(started_by(demo)) >= count, f"{count} processes", seconds=LONGEST_SECONDS, poll_seconds=0.1
    )


def environment(pid: int) -> list[bytes]:
    try:
        return (PROCESSES / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # it has just ended, or is not ours
        return []


def complaints(demo: Headrace) -> list[str]:
    """Return the lines that a demo logged, but for calls that a busy machine left unanswered: it calls again."""
    return [line for line in demo.log.splitlines() if "not connected to" not in line]


def start_demo(
    folder: Path, *arguments: str, samples: Path = SAMPLES, environment: dict[str, str] | None = None
) -> Headrace:
    """Start it on ports of its own: two that look for a free one in the same moment can find the same."""
    ports = ("--port", str(free_udp_port()), "--http-port", str(free_tcp_port()))
    return Headrace(folder, "demo", "--samples", str(samples), *ports, *arguments, environment=environment)


def rows(table: str) -> dict[str, list[str]]:
    """Return the rows of the demo's table by channel: the words after what it is made from."""
    found = {}
    for line in table[table.index("what arrived") :].splitlines():
        for channel, what in (
            ("1AAA99", "frames and audio"),
            ("2BBB99", "video file"),
            ("3CCC99", "test pattern (left half way)"),
        ):
            if line.startswith(channel):
                found[channel] = line.removeprefix(channel).strip().removeprefix(what).split()
    return found


def half_time_frames(said: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the frames that the demo has counted for each channel it held: half way, and at the end."""
    first, second = said.split("unsubscribed from 3CCC99\n")
    counts = [
        {channel: int(frames) for channel, frames in re.findall(r"(\w+) (\d+) frames", lines)}
        for lines in (first, second[: second.index("what arrived")])
    ]
    return counts[0], counts[1]


@needs_proc
def test_the_demo_shows_three_channels_without_loss_and_leaves_nothing_running(tmp_path: Path) -> None:
    # Options that are meant for what a person types must not change what the demo starts.
    meddling = {"LOG_LEVEL": "error", "DELAY": "60", "FILE": "none.mp4", "RATE": "1", "TMPDIR": str(tmp_path)}
    with start_demo(tmp_path, "--seconds", "4", environment=meddling) as demo:
        assert demo.wait(LONGEST_SECONDS) == 0, demo.log
        assert complaints(demo) == []
        assert started_by(demo) == []
    table = rows(demo.said)
    assert sorted(table) == ["1AAA99", "2BBB99", "3CCC99"]
    for frames, errors, _, packets, lost, _, dropped, *_ in table.values():
        assert int(packets) > int(frames) > 0
        assert (errors, lost, dropped) == ("0", "0", "0")
    # One that comes up later may have fewer frames in the end than one that is left: each is measured by itself.
    half_way, at_end = half_time_frames(demo.said)
    assert sorted(half_way) == ["1AAA99", "2BBB99", "3CCC99"]
    assert sorted(at_end) == ["1AAA99", "2BBB99"]
    for channel, frames_at_end in at_end.items():
        assert 0 < half_way[channel] < frames_at_end <= int(table[channel][0])
    assert list(tmp_path.glob("headrace-demo-*")) == []


@needs_proc
def test_the_demo_fails_where_a_channel_gives_no_video(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    shutil.copytree(SAMPLES, samples)
    (samples / "clip.mp4").write_bytes(b"no video at all" * 100)
    with start_demo(tmp_path, "--seconds", "4", samples=samples) as demo:
        assert demo.wait(LONGEST_SECONDS) == 1
        assert started_by(demo) == []
    [line] = complaints(demo)
    assert line.startswith("headrace: producer 2BBB99 ended with code 1: ")
    assert "what arrived" not in demo.said


@needs_proc
@pytest.mark.parametrize(
    ("number", "code", "processes"),
    [
        only_long(signal.SIGINT, 130, STARTING),
        only_long(signal.SIGINT, 130, RUNNING),
        (signal.SIGTERM, 130, STARTING),
        only_long(signal.SIGTERM, 130, RUNNING),
        only_long(signal.SIGKILL, -9, STARTING),
        (signal.SIGKILL, -9, RUNNING),
    ],
)
def test_whatever_ends_the_demo_ends_what_it_started(
    number: signal.Signals, code: int, processes: int, tmp_path: Path
) -> None:
    with start_demo(tmp_path, "--seconds", "60", environment={"TMPDIR": str(tmp_path)}) as demo:
        wait_for_processes(demo, processes)
        demo.process.send_signal(number)
        assert demo.wait() == code
        if number == signal.SIGKILL:
            wait_until(lambda: started_by(demo) == [], "they notice")
        assert started_by(demo) == []
        assert "Traceback" not in demo.log
    if number != signal.SIGKILL:
        assert list(tmp_path.glob("headrace-demo-*")) == []


@needs_proc
def test_a_producer_that_is_killed_ends_the_demo_with_an_error(tmp_path: Path) -> None:
    with start_demo(tmp_path, "--seconds", "60") as demo:
        wait_for_processes(demo, RUNNING)
        victim = next(pid for pid in started_by(demo) if b"2BBB99" in (PROCESSES / f"{pid}/cmdline").read_bytes())
        os.kill(victim, signal.SIGKILL)
        assert demo.wait(LONGEST_SECONDS) == 1
        assert complaints(demo) == ["headrace: producer 2BBB99 was ended by SIGKILL"]
        assert started_by(demo) == []
