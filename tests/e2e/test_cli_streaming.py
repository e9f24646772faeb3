"""Broker, producers and clients as processes: what is sent arrives, whatever happens to one of them meanwhile."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.fake_clock import FakeClock
from tests.support.headrace_commands import HEADRACE, SMALL_PATTERN, Headrace, run_headrace
from tests.support.long_runs import only_long
from tests.support.pictures import DrawnSource
from tests.support.processes import WAIT_SECONDS, BrokerProgram, Program, try_to_be_in_time, wait_until
from tests.support.programs import find_program

from headrace.media.encoder import EncoderSettings
from headrace.media.live_stream import LiveStream

PICTURES = 50
BACK_SECONDS = 3.0
"""A producer that comes back is seen again so soon."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProgram]:
    with BrokerProgram(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def clip() -> bytes:
    """Return a transport stream of two seconds, with sound."""
    source = DrawnSource(PICTURES, sound=True, size=(160, 120))
    return b"".join(LiveStream(source, EncoderSettings(preset="ultrafast"), clock=FakeClock()))


def at(broker: BrokerProgram) -> tuple[str, str]:
    return ("--broker", f"127.0.0.1:{broker.port}")


def objects(text: str) -> dict[str, dict[str, Any]]:
    """Return what ``--json`` printed, by channel: one object in each line."""
    return {one["id"]: one for one in map(json.loads, text.splitlines())}


class ClientShell(Headrace):
    """A client's shell at the end of a pipe."""

    def enter(self, line: str) -> None:
        self.write(line.encode() + b"\n")

    def frames(self, channel_id: str) -> int:
        """Ask for the status; return the newest answer's number of frames, 0 if there is none."""
        self.enter("status")
        shown = re.findall(rf"^{channel_id} +[a-z ]+? +\S+ +(\d+) ", self.said, re.MULTILINE)
        return int(shown[-1]) if shown else 0


def test_a_script_gets_one_json_object_for_each_subscription(broker: BrokerProgram, tmp_path: Path) -> None:
    fact = ("--title", "News [/b]", "--fact", "city=Bern", "--fact", "note=a=b")
    with Headrace(tmp_path, "produce", "A", *SMALL_PATTERN, *fact, *at(broker)):
        broker.wait_for("producer connected")
        done = run_headrace(
            "client", "--subscribe", "A", "nobody", "--seconds", "3.5", "--json", *at(broker), folder=tmp_path
        )
    assert (done.returncode, done.stderr) == (0, "")
    shown = objects(done.stdout)
    assert list(shown) == ["A", "nobody"]
    live = shown["A"]
    assert (live["state"], live["error"], live["decode_errors"]) == ("live", None, 0)
    assert live["frames_decoded"] >= 10
    assert live["bytes"] > 10_000
    assert live["packets_received"] >= 20
    assert (live["packets_lost"], live["packets_recovered"], live["packets_dropped"]) == (0, 0, 0)
    assert 0 < live["latency_p50_ms"] <= live["latency_p99_ms"] < 5_000
    assert 0 < live["first_frame_ms"] < 4_000
    assert live["metadata"] == {"title": "News [/b]", "facts": {"city": "Bern", "note": "a=b"}, "data": None}
    nobody = shown["nobody"]
    assert (nobody["state"], nobody["frames_decoded"], nobody["first_frame_ms"]) == ("waiting", 0, None)


def test_a_late_joiner_learns_title_and_facts_within_two_seconds(broker: BrokerProgram, tmp_path: Path) -> None:
    live = ("--title", "Live", "--fact", "k=v", "--keyframes", "60")
    with Headrace(tmp_path, "produce", "X", *SMALL_PATTERN, *live, *at(broker)) as producer:
        producer.wait_for("connected")
        done = run_headrace("client", "-s", "X", "--seconds", "2.5", "--json", *at(broker), folder=tmp_path)
        metadata = objects(done.stdout)["X"]["metadata"]
        assert (metadata["title"], metadata["facts"]) == ("Live", {"k": "v"})


def test_what_a_producer_passes_through_is_recorded_and_played_byte_for_byte(
    broker: BrokerProgram, clip: bytes, tmp_path: Path
) -> None:
    ffmpeg = find_program("ffmpeg")
    records, played = tmp_path / "records", tmp_path / "played.ts"
    path = install_player(tmp_path / "bin", f"exec cat > '{played}'")
    client = ("client", "X", "--json", "--record", str(records), "--play", *at(broker))
    with Headrace(tmp_path, *client, environment={"PATH": path}) as watching:
        broker.wait_for("subscriber connected")
        sent = pass_through(clip, *at(broker), folder=tmp_path)
        assert f"{PICTURES} frames" in sent.splitlines()[-1]
        wait_until(lambda: played.read_bytes() == clip, "the player has all of it")
        watching.process.send_signal(signal.SIGINT)
        assert watching.wait() == 0
        shown = objects(watching.said)["X"]
    [recorded] = records.iterdir()
    assert recorded.read_bytes() == clip
    assert (shown["bytes"], shown["frames_decoded"], shown["decode_errors"]) == (len(clip), PICTURES, 0)
    judged = subprocess.run(
        [ffmpeg, "-v", "error", "-i", recorded, "-f", "null", "-"], capture_output=True, text=True, check=True
    )
    assert judged.stderr == ""


def install_player(folder: Path, command: str) -> str:
    """Install a player that runs ``command``; return the search path that finds it first."""
    folder.mkdir()
    player = folder / "mpv"
    player.write_text(f"#!/bin/sh\n{command}\n")
    player.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def pass_through(clip: bytes, *arguments: str, folder: Path) -> str:
    """Pipe ``clip`` into a producer of X; return what it logged."""
    done = subprocess.run(
        [HEADRACE, "produce", "X", "--stdin", *arguments],
        input=clip,
        cwd=folder,
        capture_output=True,
        timeout=WAIT_SECONDS,
        check=True,
    )
    return done.stderr.decode()


def test_timed_metadata_of_a_fifo_reaches_the_client_that_watches(broker: BrokerProgram, tmp_path: Path) -> None:
    fifo = tmp_path / "events"
    os.mkfifo(fifo)
    with (
        Headrace(tmp_path, "produce", "X", *SMALL_PATTERN, "--events", str(fifo), *at(broker)),
        ClientShell(tmp_path, "client", "X", *at(broker), has_stdin=True) as shell,
    ):
        wait_until(lambda: shell.frames("X") > 0, "pictures")
        for number in (1, 2):  # each writer opens it, writes, and closes it
            fifo.write_text(json.dumps({"score": number}) + "\n")
            wait_until(lambda: shell.frames("X") > 0 and f'{{"score": {number}}}' in shell.said, f"event {number}")  # noqa: B023
        done = run_headrace("client", "-s", "X", "--seconds", "1", "--json", *at(broker), folder=tmp_path)
        # Who comes later gets what belongs to the pictures since the last keyframe, if it was not before that.
        assert objects(done.stdout)["X"]["metadata"]["data"] in (None, {"score": 2})


def test_events_with_a_time_wait_for_it_also_where_the_stream_is_passed_through(
    broker: BrokerProgram, clip: bytes, tmp_path: Path
) -> None:
    events = tmp_path / "events"
    events.write_text('{"n": 1}\n{"n": 2, "at": 1.2}\n{"n": 3, "at": 3600}\n')
    with Headrace(tmp_path, "client", "X", "--json", *at(broker)) as client:
        broker.wait_for("subscriber connected")
        pass_through(clip, "--events", str(events), *at(broker), folder=tmp_path)
        broker.wait_for("producer gone")
        client.process.send_signal(signal.SIGINT)
        assert client.wait() == 0
        assert objects(client.said)["X"]["metadata"]["data"] == {"n": 2, "at": 1.2}


def test_a_producer_that_is_killed_and_started_again_is_seen_by_the_client_that_stayed(
    broker: BrokerProgram, tmp_path: Path
) -> None:
    produce = ("produce", "X", *SMALL_PATTERN, "--keyframes", "1", *at(broker))
    with (
        ClientShell(tmp_path, "client", "X", *at(broker), has_stdin=True) as shell,
        ExitStack() as producers,
    ):
        producer = producers.enter_context(Headrace(tmp_path, *produce))

        def kill_and_start_again() -> float:
            nonlocal producer
            producer.kill()
            frames = shell.frames("X")
            producer = producers.enter_context(Headrace(tmp_path, *produce))
            producer.wait_for("connected")
            return wait_until(lambda: shell.frames("X") > frames + 5, "pictures of the next producer")

        wait_until(lambda: shell.frames("X") > 0, "pictures of the first producer")
        try_to_be_in_time(kill_and_start_again, BACK_SECONDS)
        shell.enter("quit")
        assert shell.wait() == 0
    assert shell.log == ""
    assert broker.log.count("subscriber connected") == 1


def test_a_broker_that_is_started_again_has_its_producer_and_client_again(tmp_path: Path) -> None:
    with (
        BrokerProgram(tmp_path) as broker,
        Headrace(tmp_path, "produce", "X", *SMALL_PATTERN, "--keyframes", "1", *at(broker)) as producer,
        ClientShell(tmp_path, "client", "X", *at(broker), has_stdin=True) as shell,
    ):
        wait_until(lambda: shell.frames("X") > 0 and "X: live" in shell.said, "pictures")
        broker.stop()
        producer.wait_for("not connected")
        wait_until(lambda: "X: connecting" in shell.said, "the shell tells it")
        frames = shell.frames("X")
        with Headrace(tmp_path, *serve_again(broker)):
            wait_until(lambda: shell.frames("X") > frames + 5, "pictures of the new broker")
        assert "Traceback" not in producer.log + shell.log
        producer.process.send_signal(signal.SIGINT)
        assert producer.wait() == 0
        assert "X: sent 0:00:" in producer.log


@pytest.mark.parametrize("away_seconds", [0.0, only_long(8.0)])
def test_a_broker_that_is_killed_and_started_again_has_everybody_back_within_seconds(
    away_seconds: float, tmp_path: Path
) -> None:
    records = tmp_path / "records"
    with (
        BrokerProgram(tmp_path) as broker,
        Headrace(tmp_path, "produce", "X", *SMALL_PATTERN, "--keyframes", "1", *at(broker)) as producer,
        Headrace(tmp_path, "client", "-s", "X", "--json", "--record", str(records), *at(broker)) as client,
        ExitStack() as brokers,
    ):
        running: Program = broker

        def kill_and_start_again() -> float:
            nonlocal running
            running.kill()
            time.sleep(away_seconds)
            running = brokers.enter_context(Headrace(tmp_path, *serve_again(broker)))
            running.wait_for("listening")
            before = recorded_bytes(records)
            took_seconds = wait_until(lambda: recorded_bytes(records) > before, "the recording goes on")
            wait_until(lambda: recorded_bytes(records) > before + 20_000, "it goes on for good")
            return took_seconds

        wait_until(lambda: recorded_bytes(records) > 20_000, "a recording")
        took = try_to_be_in_time(kill_and_start_again, BACK_SECONDS)
        print(f"back {took} s after listening")
        client.process.send_signal(signal.SIGINT)
        assert client.wait() == 0
        assert objects(client.said)["X"]["reconnects"] == len(took)
        assert "Traceback" not in producer.log + client.log


def serve_again(broker: BrokerProgram) -> list[str]:
    return ["serve", "--listen", f"127.0.0.1:{broker.port}", "--open", "--state", "off"]


def recorded_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.ts"))


@pytest.mark.parametrize("number", [only_long(signal.SIGINT), signal.SIGTERM])
def test_a_signal_ends_every_command_in_order(
    number: signal.Signals, broker: BrokerProgram, tmp_path: Path
) -> None:
    with (
        Headrace(tmp_path, "produce", "X", *SMALL_PATTERN, *at(broker)) as producer,
        Headrace(tmp_path, "client", "X", "--json", *at(broker)) as client,
        Headrace(tmp_path, "client", "X", "--seconds", "60", *at(broker)) as cut_short,
        ClientShell(tmp_path, "client", "X", *at(broker), has_stdin=True) as shell,
    ):
        producer.wait_for("connected")
        broker.wait_for("subscriber connected", count=3)
        for command, code in ((client, 0), (cut_short, 130), (shell, 0), (producer, 0), (broker, 0)):
            command.process.send_signal(number)
            assert command.wait() == code
            assert "Traceback" not in command.log
            assert "never awaited" not in command.log
            assert "destroyed" not in command.log
        assert list(objects(client.said)) == ["X"]
        assert re.search(r"^X +[a-z]+ ", cut_short.said, re.MULTILINE)
    assert broker.log.count("peer_shutdown") == 4
