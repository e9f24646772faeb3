"""A broker as a process of its own, or something to compare it with, and what the system says about it.

Source: proc(5); the kernel's Documentation/scheduler/sched-stats.rst.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from headrace.bench.loopback_port import LoadError

_LAST_LINES: Final = 3
_END_SECONDS: Final = 10


class CoreTime(NamedTuple):
    """What the threads of a process have had of cores.

    Attributes:
        ran_seconds: Time that they ran, in the program and in the kernel.
        waited_seconds: Time that they could have run, but something else had the core.
    """

    ran_seconds: float
    waited_seconds: float


def read_core_time(process_id: int) -> CoreTime:
    """Return what a process has had since its start; threads that have ended do not count.

    Raises:
        LoadError: It has ended.
    """
    ran_ns = waited_ns = 0
    try:
        for task in Path(f"/proc/{process_id}/task").iterdir():
            ran, waited, _ = (task / "schedstat").read_text().split()
            ran_ns += int(ran)
            waited_ns += int(waited)
    except (FileNotFoundError, ProcessLookupError):
        raise LoadError(f"the process that was measured has ended ({process_id})") from None
    return CoreTime(ran_ns / 1e9, waited_ns / 1e9)


class MeasuredProcess:
    """A program that runs, and what ``/proc`` says about it.

    Args:
        command: Program and arguments.
        log: File for its standard error.
        core: Let it run on this core alone; None leaves it to the system.
        input: File for its standard input; without it there is none.
        output: File for its standard output; without it that is thrown away.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        core: int | None = None,
        *,
        input: Path | None = None,  # noqa: A002 - the name that subprocess has for it
        output: Path | None = None,
    ) -> None:
        self._log = log
        null = Path(os.devnull)
        with log.open("wb") as stderr, (input or null).open("rb") as stdin, (output or null).open("wb") as stdout:
            self._process = subprocess.Popen(  # noqa: S603 - a broker or a baseline, no shell
                command, stdin=stdin, stdout=stdout, stderr=stderr
            )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def core_time(self) -> CoreTime:
        """What it has had of its core so far."""
        return read_core_time(self._process.pid)

    @property
    def rss_bytes(self) -> int:
        """Resident memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def open_files(self) -> int:
        """File descriptors, sockets among them."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    @property
    def last_words(self) -> str:
        """The end of what it has written to its standard error."""
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:])

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Let it not run meanwhile."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it as a service manager would."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class BrokerProcess(MeasuredProcess):
    """``headrace serve`` on the loopback interface, open to all: what is measured is not who may do what.

    Args:
        port: UDP port.
        log: File for its standard error.
        options: More of its command line.
        core: Let it run on this core alone; None leaves it to the system.
    """

    def __init__(self, port: int, log: Path, *options: str, core: int | None = None) -> None:
        command = [sys.executable, "-m", "headrace", "serve", "--listen", f"127.0.0.1:{port}", "--control", "off"]
        command += ["--open", "--state", "off", "--http", "off"]
        super().__init__([*command, *options], log, core)
