"""What a person gets who types something that cannot be done: one clear line, and a code that is not 0."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.headrace_commands import HEADRACE, SMALL_PATTERN, Headrace, run_headrace
from tests.support.processes import WAIT_SECONDS, BrokerProgram


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProgram]:
    with BrokerProgram(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return a UDP port that is taken, and where nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield udp.getsockname()[1]


def fails(folder: Path, *arguments: str) -> str:
    """Run a command that must fail with one line on standard error, and return the line."""
    done = run_headrace(*arguments, folder=folder)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("headrace: ")
    return line


def test_a_taken_port_says_so(tmp_path: Path, silent_port: int) -> None:
    said = fails(tmp_path, "serve", "--listen", f"127.0.0.1:{silent_port}")
    assert said.endswith("choose another address with --listen HOST:PORT")


def test_a_taken_http_port_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        said = fails(tmp_path, "serve", "--listen", "127.0.0.1:0", "--http", at, "--control", "off")
    assert f"cannot serve HTTP on TCP {at}: Address already in use" in said
    assert said.endswith("choose another address with --http HOST:PORT, or --http off")


def test_every_command_says_the_same_of_an_unreachable_broker(tmp_path: Path, silent_port: int) -> None:
    at = f"127.0.0.1:{silent_port}"
    commands = (
        ("client",),
        ("client", "-s", "X", "--seconds", "1", "--json"),
        ("check", "--timeout", "0.5"),
        ("produce", "X", *SMALL_PATTERN),
    )
    with ExitStack() as stack:
        running = [stack.enter_context(Headrace(tmp_path, *command, "--broker", at)) for command in commands]
        for command in running:
            assert command.wait() == 1
            assert command.said == ""
            assert command.log == (
                f"headrace: no broker answers at {at}: start one with 'headrace serve', "
                "or name another with --broker HOST:PORT\n"
            )


def test_a_second_producer_of_a_live_channel_is_refused_and_the_first_goes_on(
    broker: BrokerProgram, tmp_path: Path
) -> None:
    at = f"127.0.0.1:{broker.port}"
    with Headrace(tmp_path, "produce", "X", *SMALL_PATTERN, "--broker", at) as first:
        first.wait_for("connected")
        said = fails(tmp_path, "produce", "X", *SMALL_PATTERN, "--broker", at)
        assert said == (
            f"headrace: {at} refused (2409): this channel has a live producer already: "
            "end it, choose another ID, or use --takeover or --standby"
        )
        assert first.process.poll() is None
        assert "not connected" not in first.log


def test_standard_input_that_is_no_transport_stream_is_said_in_one_line(
    broker: BrokerProgram, tmp_path: Path
) -> None:
    for typed, said in (("text " * 1000, "is not MPEG-TS"), ("", "nothing was sent")):
        done = run_headrace(
            "produce", "X", "--stdin", "--broker", f"127.0.0.1:{broker.port}", folder=tmp_path, typed=typed
        )
        assert done.returncode == 1
        assert said in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "closed", "code"),
    [(("check",), "<&- >&-", 0), (("client", "X"), "<&-", 0), (("produce", "X", "--stdin"), "<&-", 1)],
)
def test_a_command_started_without_standard_streams_ends_as_ever(
    arguments: tuple[str, ...], closed: str, code: int, broker: BrokerProgram, tmp_path: Path
) -> None:
    command = ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', HEADRACE, *arguments]
    done = subprocess.run(
        [*command, "--broker", f"127.0.0.1:{broker.port}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_output_that_nobody_reads_to_its_end_is_no_bug(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" produce --help | head -1', HEADRACE],
        capture_output=True,
        timeout=WAIT_SECONDS,
        check=True,
    )
    assert done.stderr == b""


def test_flags_win_over_the_environment_and_the_environment_over_dotenv(
    broker: BrokerProgram, tmp_path: Path, silent_port: int
) -> None:
    (tmp_path / ".env").write_text("BROKER_ADDRESS=127.0.0.1:1\n")
    at = f"127.0.0.1:{broker.port}"
    elsewhere = f"127.0.0.1:{silent_port}"
    unset = {"PATH": "/usr/bin:/bin"}

    def code(*arguments: str, environment: dict[str, str], timeout_seconds: float = 20) -> int:
        return subprocess.run(
            [HEADRACE, "check", "--timeout", str(timeout_seconds), *arguments],
            cwd=tmp_path,
            env={**unset, **environment},
            capture_output=True,
            timeout=WAIT_SECONDS,
            check=False,
        ).returncode

    assert code(environment={}, timeout_seconds=0.5) == 1
    assert code(environment={"BROKER_ADDRESS": at}) == 0
    assert code("--broker", at, environment={"BROKER_ADDRESS": elsewhere}) == 0
    assert code("--broker", elsewhere, environment={"BROKER_ADDRESS": at}, timeout_seconds=0.5) == 1
    (tmp_path / ".env").write_text(f"BROKER_ADDRESS={at}\n")
    assert code(environment={}) == 0
