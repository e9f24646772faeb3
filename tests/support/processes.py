"""Programs that a test starts, watches and ends; nothing that it did not start is touched."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tests.support.ports import free_udp_port

POLL_SECONDS = 0.02
WAIT_SECONDS = 60.0
"""For whatever a busy machine has to do; where nothing is wrong nobody waits so long."""
END_SECONDS = 20.0


def wait_until(
    condition: Callable[[], bool],
    what: str | Callable[[], str],
    *,
    seconds: float = WAIT_SECONDS,
    poll_seconds: float = POLL_SECONDS,
) -> float:
    """Wait until a condition holds; return how long that took.

    Args:
        condition: Whether it does.
        what: Tells what was waited for; called when that was in vain, so that it shows a log as it is then.
        seconds: To wait at most.
        poll_seconds: From look to look.

    Raises:
        AssertionError: It did not within ``seconds``.
    """
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started >= seconds:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {seconds} s in vain: {told}")
        time.sleep(poll_seconds)
    return time.monotonic() - started


def try_to_be_in_time(attempt: Callable[[], float], seconds: float, *, tries: int = 3) -> list[float]:
    """Try what a busy machine may make slow until it is in time once; return how long each attempt took.

    Args:
        attempt: Does it, and returns how many seconds it took.
        seconds: It is in time below that.
        tries: So often at most.

    Raises:
        AssertionError: It never was.
    """
    took = [attempt()]
    while took[-1] >= seconds:
        assert len(took) < tries, f"not once within {seconds} s: {took}"
        took.append(attempt())
    return took


class Program:
    """A running program whose output goes to files, while used as a context manager.

    Args:
        command: Program and arguments.
        folder: For its output.
        name: Of the files.
        environment: Variables beside our own.
        has_stdin: Whether ``write`` will be used.

    Attributes:
        process: The running process.
        output: File with its standard output.
        errors: File with its standard error.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        name: str,
        *,
        environment: dict[str, str] | None = None,
        has_stdin: bool = False,
    ) -> None:
        self.output = folder / f"{name}.out"
        self.errors = folder / f"{name}.err"
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env={**os.environ, **(environment or {})},
                bufsize=0,
            )

    @property
    def log(self) -> str:
        """Its standard error so far."""
        return self.errors.read_text(errors="replace")

    @property
    def output_bytes(self) -> int:
        """Length of its standard output so far."""
        return self.output.stat().st_size

    def write(self, data: bytes) -> None:
        """Write to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def wait_for(self, text: str, *, count: int = 1, seconds: float = WAIT_SECONDS) -> None:
        """Wait until its standard error has ``text`` so often."""
        wait_until(
            lambda: self.log.count(text) >= count, lambda: f"{count} x {text!r} in:\n{self.log}", seconds=seconds
        )

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """Wait until it has ended; return its exit code."""
        return self.process.wait(seconds)

    def kill(self) -> None:
        """End it with SIGKILL, as an accident does."""
        self.process.kill()
        self.process.wait(END_SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and make it end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Listening(Protocol):
    """A broker that programs can be told to call."""

    host: str
    port: int

    def url(self, stream_id: str, *, port: int | None = None, latency_ms: int = 120) -> str:
        """Return an SRT URL."""


class BrokerProgram(Program):
    """``headrace serve`` on a free port of the loopback interface, open to all.

    It listens when the constructor returns.

    Args:
        folder: For its log.
        host: ``127.0.0.1`` or ``::1``.
        latency_ms: Its ``--latency``.
        netio: ``HEADRACE_NETIO``: which system calls it may use; empty for all.
        options: More of its command line.

    Attributes:
        port: UDP port.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        latency_ms: int = 120,
        netio: str = "",
        options: Sequence[str] = (),
    ) -> None:
        self.port = free_udp_port(host)
        self.host = f"[{host}]" if ":" in host else host
        headrace = str(Path(sys.executable).with_name("headrace"))
        command = [headrace, "serve", "--listen", f"{self.host}:{self.port}", "--latency", str(latency_ms)]
        command += ["--open", "--state", "off", "--http", "off", *options]
        super().__init__(command, folder, "broker", environment={"HEADRACE_NETIO": netio})
        self.wait_for("listening")

    def url(self, stream_id: str, *, port: int | None = None, latency_ms: int = 120) -> str:
        """Return an SRT URL for ``srt-live-transmit`` and ``ffmpeg``-like programs that take milliseconds."""
        return f"srt://{self.host}:{port or self.port}?streamid={stream_id}&latency={latency_ms}"
