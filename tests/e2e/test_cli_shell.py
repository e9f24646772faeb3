"""The client's shell as people use it: with commands piped in, and at a terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from tests.support.headrace_commands import HEADRACE, NO_OPTIONS, SMALL_PATTERN, Headrace, run_headrace
from tests.support.long_runs import only_long
from tests.support.ports import free_tcp_port, free_udp_port
from tests.support.processes import WAIT_SECONDS, BrokerProgram

CONTROL_SEQUENCE = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])")
CURSOR_REQUEST = b"\x1b[6n"
ASK_SECONDS = 0.5
TAB, CTRL_C, CTRL_D, UP, ENTER = b"\t", b"\x03", b"\x04", b"\x1b[A", b"\r"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProgram]:
    with BrokerProgram(tmp_path_factory.mktemp("broker")) as running:
        yield running


class Terminal:
    """A command at a terminal of its own.

    Args:
        arguments: What is typed after ``headrace``.
        folder: Its working folder, and its home.
        columns: Of the terminal.
    """

    def __init__(self, *arguments: str, folder: Path, columns: int = 100) -> None:
        environment = {
            **os.environ,
            **NO_OPTIONS,
            "TERM": "xterm",
            "XDG_STATE_HOME": str(folder),
        }
        environment.pop("COLUMNS", None)  # what a test runner has set is not this terminal's width
        ours, theirs = pty.openpty()
        self._file = ours
        os.set_blocking(ours, False)
        _set_size(theirs, columns)
        self.process = subprocess.Popen(
            [HEADRACE, *arguments],
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Makes it the terminal's own, so that Ctrl-C is a signal. No thread of ours runs meanwhile.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(theirs)
        self._raw = b""

    @property
    def text(self) -> str:
        """All that was shown, without colours and movements of the cursor."""
        return CONTROL_SEQUENCE.sub(b"", self._raw).decode(errors="replace")

    def press(self, keys: bytes) -> None:
        os.write(self._file, keys)

    def wait_for(self, pattern: str, *, seconds: float = WAIT_SECONDS) -> None:
        """Wait until text that ``pattern`` describes was shown since the last `forget`."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"{pattern!r} was not shown in:\n{' '.join(self.text.split())}"
            self._read()

    def ask_until(self, keys: bytes, pattern: str, *, seconds: float = WAIT_SECONDS) -> None:
        """Press ``keys`` again and again until text that ``pattern`` describes is shown."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"{pattern!r} was not shown in:\n{' '.join(self.text.split())}"
            self.press(keys)
            asked = time.monotonic()
            while time.monotonic() < asked + ASK_SECONDS:
                self._read()

    def forget(self) -> None:
        """Forget what was shown so far."""
        self._raw = b""

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """Read until it has ended; return its exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on:\n{self.text}"
            self._read()
        self._read()
        return self.process.returncode

    def _read(self) -> None:
        if not select.select([self._file], [], [], 0.05)[0]:
            return
        try:
            shown = os.read(self._file, 65536)
        except OSError:  # the other side is closed
            time.sleep(0.01)
            return
        unanswered = self._raw[-len(CURSOR_REQUEST) + 1 :] + shown
        self._raw += shown
        # The answer of a terminal, without which there is no toolbar.
        self.press(b"\x1b[1;1R" * unanswered.count(CURSOR_REQUEST))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._file)


def _set_size(terminal: int, columns: int) -> None:
    termios.tcsetwinsize(terminal, (24, columns))


def test_a_piped_session_reads_like_this(broker: BrokerProgram, tmp_path: Path) -> None:
    typed = """\
subscribe 1AAA99
subscribe 1AAA99 ../x 'a b' ünï
subscribe
unsubscribe 2BBB99
watch 1AAA99

unsubscribe 1AAA99
status
quit
subscribe never-reached
"""
    done = run_headrace("client", "--broker", f"127.0.0.1:{broker.port}", folder=tmp_path, typed=typed)
    rule = "is not a channel id: use letters, digits and . _ ~ - only, a letter or digit first"
    assert done.stdout.splitlines() == [
        "subscribed to 1AAA99",
        "already subscribed to 1AAA99",
        f"'../x' {rule}",
        f"'a b' {rule}",
        f"'ünï' {rule}",
        "which channel? Type subscribe ID, such as subscribe 1AAA99",
        "not subscribed to 2BBB99",
        "'watch 1AAA99' is no command: type list, subscribe ID, unsubscribe ID, status, help or quit",
        "unsubscribed from 1AAA99: 0 frames, 0.0 MB, lost 0, recovered 0, dropped 0",
        "no subscriptions: type subscribe ID",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_the_end_of_the_input_ends_the_shell(broker: BrokerProgram, tmp_path: Path) -> None:
    done = run_headrace("client", "X", "--broker", f"127.0.0.1:{broker.port}", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "subscribed to X\n", "")


def test_a_terminal_completes_shows_live_figures_and_remembers(broker: BrokerProgram, tmp_path: Path) -> None:
    at = ("--broker", f"127.0.0.1:{broker.port}")
    produce = ("produce", "1AAA99", *SMALL_PATTERN, "--title", "Bars", *at)
    with Headrace(tmp_path, *produce) as producer, Terminal("client", *at, folder=tmp_path) as terminal:
        producer.wait_for("connected")
        terminal.wait_for("headrace>")
        terminal.wait_for("no subscriptions")
        terminal.press(b"sub" + TAB + b" 1AAA99" + ENTER)
        terminal.wait_for("subscribed to 1AAA99")
        terminal.wait_for("1AAA99: live")
        terminal.ask_until(b"status" + ENTER, "1AAA99: Bars")
        terminal.forget()
        terminal.wait_for(r"\d")  # what has changed of the toolbar is drawn again by itself
        terminal.press(b"unsub" + TAB + b" " + TAB + ENTER)
        terminal.wait_for(r"unsubscribed from 1AAA99: [\s\S]*headrace>")
        terminal.press(CTRL_D)
        assert terminal.wait() == 0
    with Terminal("client", *at, folder=tmp_path) as terminal:
        terminal.wait_for("headrace>")
        terminal.press(UP)
        terminal.wait_for("unsubscribe 1AAA99")
        terminal.press(CTRL_C)
        assert terminal.wait() == 0
        assert "Traceback" not in terminal.text


@pytest.mark.parametrize("number", [signal.SIGINT, only_long(signal.SIGTERM)])
def test_a_signal_ends_the_shell_at_a_terminal(
    number: signal.Signals, broker: BrokerProgram, tmp_path: Path
) -> None:
    name = f"ended-by-{number.name}"
    with Terminal("client", name, "--broker", f"127.0.0.1:{broker.port}", folder=tmp_path) as terminal:
        terminal.wait_for(f"{name}: waiting for the producer")
        terminal.process.send_signal(number)
        assert terminal.wait() == 0
        assert "Traceback" not in terminal.text
    broker.wait_for(f"channel={name} reason=peer_shutdown")


@pytest.mark.parametrize("columns", [60, only_long(120)])
def test_a_producer_at_a_terminal_shows_one_line_of_progress(
    columns: int, broker: BrokerProgram, tmp_path: Path
) -> None:
    name = f"P{columns}"
    with Terminal(
        "produce", name, *SMALL_PATTERN, "--broker", f"127.0.0.1:{broker.port}", folder=tmp_path, columns=columns
    ) as terminal:
        line = r"0:00:0[2-9] [\d.]+ fps [\d.]+ Mbit/s RTT [\d.]+ ms resent \d+ dropped 0"
        terminal.wait_for(rf"{name} {line}".replace(" ", r"\s+"))
        terminal.press(CTRL_C)
        assert terminal.wait() == 0
        assert f"{name}: sent 0:00:0" in terminal.text


def test_the_demo_at_a_terminal_ends_with_ctrl_c(tmp_path: Path) -> None:
    samples = str(Path(__file__).parents[2] / "samples")
    ports = ("--port", str(free_udp_port()), "--http-port", str(free_tcp_port()))
    with Terminal("demo", "--samples", samples, *ports, folder=tmp_path) as terminal:
        terminal.wait_for("headrace>")
        terminal.press(b"subscribe 3" + TAB + ENTER)
        terminal.wait_for("3CCC99: live")
        terminal.press(b"half a comm" + CTRL_C)
        assert terminal.wait() == 0
        assert "Traceback" not in terminal.text
