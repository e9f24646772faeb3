"""A broker as its owner runs it: keys, and what becomes of who loses one."""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.headrace_commands import SMALL_PATTERN, Headrace, run_headrace
from tests.support.long_runs import only_long
from tests.support.ports import free_udp_port
from tests.support.processes import wait_until

KEY = re.compile(r"hrk_[a-z2-7]{32}")
GONE_SECONDS = 5.0
"""So soon who loses its key is let go."""


class OwnBroker(Headrace):
    """A broker with a state of its own, that was started for the first time."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.environment = {"STATE": str(folder / "state")}
        self.at = f"127.0.0.1:{free_udp_port()}"
        super().__init__(folder, "serve", "--listen", self.at, *options, environment=self.environment)
        self.wait_for("state read")

    def do(self, *arguments: str) -> str:
        done = run_headrace(*arguments, folder=self.folder, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def produce(self, channel: str, key: str) -> Headrace:
        return Headrace(
            self.folder, "produce", channel, *SMALL_PATTERN, "--broker", self.at, environment={"STREAM_KEY": key}
        )


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[OwnBroker]:
    with OwnBroker(tmp_path) as started:
        yield started


def first_key(broker: OwnBroker) -> str:
    return str(KEY.findall(broker.log)[0])


def test_the_first_start_says_what_to_paste_and_the_second_nothing(broker: OwnBroker, tmp_path: Path) -> None:
    key = first_key(broker)
    assert "first start: channel live was made" in broker.log
    assert f"Server:     srt://{broker.at}?streamid={key}" in broker.log
    assert broker.log.count("first start") == 1
    lines = [line for line in broker.log.splitlines() if "[info" in line or "[warning" in line]
    assert lines
    assert not any(key in line for line in lines)
    broker.stop()
    with Headrace(tmp_path, "serve", "--listen", broker.at, environment=broker.environment) as again:
        again.wait_for("state read")
        assert not KEY.search(again.log)


def test_a_key_lets_publish_its_channel_until_it_is_revoked(broker: OwnBroker) -> None:
    key = first_key(broker)
    with broker.produce("live", key) as producer:
        broker.wait_for("producer connected")
        broker.do("keys", "revoke", "live")
        revoked_at = time.monotonic()
        broker.wait_for("key_revoked")
        assert time.monotonic() - revoked_at < GONE_SECONDS
        assert producer.wait() == 1
        assert "refused (2401)" in producer.log
        assert key not in producer.log


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("channels", "remove", "live"), "channel_removed"),
        only_long(("channels", "rename", "live", "other"), "channel_removed"),
    ],
    ids=["removed", "renamed"],
)
def test_a_channel_that_goes_takes_its_connections_with_it(
    broker: OwnBroker, command: tuple[str, ...], reason: str
) -> None:
    with (
        broker.produce("live", first_key(broker)),
        Headrace(broker.folder, "client", "live", "--json", "--broker", broker.at) as client,
    ):
        broker.wait_for("producer connected")
        broker.wait_for("subscriber connected")
        broker.do(*command)
        done_at = time.monotonic()
        broker.wait_for(reason, count=2)
        assert time.monotonic() - done_at < GONE_SECONDS
        assert client.wait() == 1
        assert "2404" in client.log


def test_who_has_no_key_or_another_channels_is_refused(broker: OwnBroker, tmp_path: Path) -> None:
    broker.do("channels", "add", "other")
    broker.do("keys", "new", "other", "--out", str(tmp_path / "other.key"))
    wait_until(lambda: "channels=2" in broker.log, "the broker follows")
    at = ("--broker", broker.at)
    none = run_headrace("produce", "live", *SMALL_PATTERN, *at, folder=tmp_path)
    assert none.returncode == 1
    assert "refused (2401)" in none.stderr
    assert (
        "give the channel's key with --key-file FILE or STREAM_KEY; 'headrace keys new' makes one" in none.stderr
    )
    foreign = ("--key-file", str(tmp_path / "other.key"))
    wrong = run_headrace("produce", "live", *SMALL_PATTERN, *at, *foreign, folder=tmp_path)
    assert wrong.returncode == 1
    assert "refused (2403)" in wrong.stderr
    assert not KEY.search(none.stderr + wrong.stderr)
    assert KEY.findall(broker.log) == [first_key(broker)] * broker.log.count(first_key(broker))


def test_what_a_process_was_started_with_shows_no_key(broker: OwnBroker) -> None:
    with broker.produce("live", first_key(broker)) as producer:
        broker.wait_for("producer connected")
        for process in (producer.process, broker.process):
            assert b"hrk_" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()


def test_an_open_broker_says_so_and_lets_anybody_publish(tmp_path: Path) -> None:
    with OwnBroker(tmp_path, "--open") as broker:
        assert "OPEN TO ALL" in broker.log
        assert not KEY.search(broker.log)
        with Headrace(tmp_path, "produce", "any", *SMALL_PATTERN, "--broker", broker.at):
            broker.wait_for("producer connected")


def test_a_lock_that_lasts_keeps_nobody_who_is_connected_waiting(broker: OwnBroker) -> None:
    with broker.produce("live", first_key(broker)) as producer:
        broker.wait_for("producer connected")
        other = sqlite3.connect(broker.folder / "state" / "headrace.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        broker.wait_for("the state cannot be read")
        assert "is locked by another program" in broker.log
        other.close()
        broker.wait_for("the state can be read again")
        assert broker.log.count("producer gone") == 0
        assert producer.process.poll() is None


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (b"no database at all" * 100, " is broken (file is not a database): put a backup in its place"),
        (None, "anybody can write there: mend that, or name another folder with --state DIR"),
    ],
    ids=["broken", "in a folder of everybody"],
)
def test_a_state_that_cannot_be_used_ends_the_broker_with_what_to_do(
    state: bytes | None, said: str, tmp_path: Path
) -> None:
    (folder := tmp_path / "state").mkdir()
    if state is None:
        os.chmod(folder, 0o777)
    else:
        (folder / "headrace.db").write_bytes(state)
    listen = f"127.0.0.1:{free_udp_port()}"
    done = run_headrace("serve", "--listen", listen, folder=tmp_path, environment={"STATE": str(folder)})
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [file.read_bytes() for file in folder.iterdir()] == ([] if state is None else [state])


def test_without_a_state_a_broker_has_to_be_open(tmp_path: Path) -> None:
    done = run_headrace("serve", "--state", "off", folder=tmp_path)
    assert done.returncode == 1
    assert "add --open, or name a --state" in done.stderr
