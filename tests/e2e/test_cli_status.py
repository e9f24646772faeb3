"""``headrace status`` beside a running broker: its figures are those that the clients counted."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.headrace_commands import SMALL_PATTERN, Headrace, run_headrace
from tests.support.processes import BrokerProgram, wait_until
from tests.support.srt_programs import FileSubscriber


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProgram]:
    with BrokerProgram(tmp_path_factory.mktemp("broker")) as running:
        yield running


class Watching(Headrace):
    """A status that goes on, a line at a time."""

    def __init__(self, broker: BrokerProgram, folder: Path) -> None:
        options = ("--port", str(broker.port), "--json", "--watch", "--interval", "0.2")
        super().__init__(folder, "status", *options)

    def wait_until(self, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until something holds of the newest document, and return that."""
        newest: dict[str, Any] = {}

        def holds_now() -> bool:
            nonlocal newest
            *_, whole, _ = ["", "", *self.said.split("\n")]
            newest = json.loads(whole or "{}")
            return bool(newest) and holds(newest)

        wait_until(holds_now, lambda: f"{what}: {newest}{self.log}")
        return newest


def has_keyframes(document: dict[str, Any]) -> bool:
    """Return whether they come each two seconds, as they are to: a busy machine encodes more slowly at first."""
    intervals_ms = [one["keyframe_interval_ms"] for one in document["channels"]]
    return any(found_ms is not None and abs(found_ms - 2000) <= 250 for found_ms in intervals_ms)


def is_over(document: dict[str, Any]) -> bool:
    """Return whether the producer has long gone, and everything been acknowledged and delivered."""
    (channel,) = document["channels"]
    behind = sum(one["unacknowledged_packets"] for one in document["subscribers"])
    return bool(channel["state"] == "waiting" and channel["state_seconds"] >= 2 and behind == 0)


def test_it_counts_what_the_clients_counted(broker: BrokerProgram, tmp_path: Path) -> None:
    at = f"127.0.0.1:{broker.port}"
    with (
        Headrace(tmp_path, "client", "A", "--json", "--broker", at) as ours,
        FileSubscriber(broker, tmp_path, "theirs") as theirs,
        Watching(broker, tmp_path) as watching,
    ):
        broker.wait_for("subscriber connected", count=2)
        with Headrace(tmp_path, "produce", "A", *SMALL_PATTERN, "--broker", at) as producer:
            (live,) = watching.wait_until(has_keyframes, "keyframes")["channels"]
            producer.stop(signal.SIGINT)
        document = watching.wait_until(is_over, "the end")
        ours.stop(signal.SIGINT)
        received = theirs.received()
    client = json.loads(ours.said)
    assert live["state"] == "live"
    assert live["keyframe_interval_ms"] == pytest.approx(2000, abs=250)
    assert live["producer"]["received_bps"] > 0
    assert (live["continuity_errors"], live["producer"]["dropped_packets"]) == (0, 0)
    (channel,), subscribers = document["channels"], document["subscribers"]
    assert channel["subscribers"]["count"] == len(subscribers) == 2
    assert {one["sent_payload_bytes"] for one in subscribers} == {client["bytes"]} == {len(received)}
    assert {one["sent_packets"] for one in subscribers} == {client["packets_received"]}
    happened = [one["event"] for one in document["events"]]
    assert happened == ["producer connected", "producer on the air", "producer gone"]


def test_watching_gives_a_line_each_interval_and_ends_with_ctrl_c(broker: BrokerProgram, tmp_path: Path) -> None:
    with Watching(broker, tmp_path) as watching:
        wait_until(lambda: watching.said.count("\n") >= 2, "two lines")
        watching.process.send_signal(signal.SIGINT)
        assert watching.wait() == 0
        assert watching.log == ""
        # The interrupt may come in the middle of a line.
        first, second = (json.loads(line)["broker"]["uptime_seconds"] for line in watching.said.splitlines()[:2])
        assert second > first


def test_the_table_names_the_broker(broker: BrokerProgram, tmp_path: Path) -> None:
    done = run_headrace("status", "--port", str(broker.port), folder=tmp_path)
    assert done.stdout.startswith(f"headrace 0.1.0 on 127.0.0.1:{broker.port}, up ")


def test_a_watched_broker_that_ends_is_said_to_have_ended(tmp_path: Path) -> None:
    with (
        BrokerProgram(tmp_path) as broker,
        Headrace(tmp_path, "status", "--port", str(broker.port), "--watch", "--interval", "0.2") as watching,
    ):
        wait_until(lambda: "headrace" in watching.said, "a table")
        broker.stop()
        assert watching.wait() == 1
        assert watching.log == "headrace: the broker has ended, or does not answer: its log says why\n"


def test_without_a_broker_it_says_what_to_do(tmp_path: Path) -> None:
    nobody = {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = run_headrace("status", "--control", str(tmp_path / "none"), folder=tmp_path, environment=nobody)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"headrace: no broker of yours runs at {tmp_path}/none: start one with 'headrace serve', "
        "or name another with --port PORT or --control PATH\n"
    )


def test_a_control_socket_may_be_elsewhere(tmp_path: Path) -> None:
    path = str(tmp_path / "here")
    with BrokerProgram(tmp_path, options=("--control", path)):
        done = run_headrace("status", "--json", folder=tmp_path, environment={"CONTROL": path})
        assert json.loads(done.stdout)["version"] == 1
