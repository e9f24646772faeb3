"""A broker as a process of its own, or something to compare it with, and what the system says about it.

Source: proc(5).
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

_CLOCK_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


class CoreTime(NamedTuple):
    """What the first thread of a process has had of a core.

    Attributes:
        ran_seconds: Time that it ran.
        waited_seconds: Time that it could have run, but something else had the core.
    """

    ran_seconds: float
    waited_seconds: float


def read_core_time(process_id: int) -> CoreTime:
    """Return what a process has had since its start."""
    ran_ns, waited_ns, _ = Path(f"/proc/{process_id}/schedstat").read_text().split()
    return CoreTime(int(ran_ns) / 1e9, int(waited_ns) / 1e9)


class MeasuredProcess:
    """A program that runs, and what ``/proc`` says about it.

    Args:
        command: Program and arguments.
        log: File for its standard error.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(command, stderr=stderr, cwd=Path(__file__).parent.parent)

    def pin(self, core: int) -> None:
        """Let it run on one core alone; call it before the process has threads."""
        os.sched_setaffinity(self._process.pid, {core})

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def processor_seconds(self) -> float:
        """Processor time so far, of the user and of the system."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS_PER_SECOND

    @property
    def waited_seconds(self) -> float:
        """Time so far that it could have run, but something else had the core."""
        return self.core_time.waited_seconds

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

    def stop(self) -> None:
        """End it as a service manager would."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


class BrokerProcess(MeasuredProcess):
    """``headrace serve`` on the loopback interface.

    Args:
        port: UDP port.
        log: File for its standard error.
        options: More of its command line.
    """

    def __init__(self, port: int, log: Path, *options: str) -> None:
        headrace = str(Path(sys.executable).with_name("headrace"))
        super().__init__([headrace, "serve", "--listen", f"127.0.0.1:{port}", *options], log)

    @property
    def fast_paths(self) -> str:
        """What its log says about the probe."""
        for line in self._log.read_text().splitlines():
            if "fast_paths=" in line:
                return line.partition("fast_paths=")[2].partition(" receive_buffer")[0].strip("'")
        return "unknown"
