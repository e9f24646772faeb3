"""A broker as a process of its own, and what the system says about it.

Source: proc(5).
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_CLOCK_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


class BrokerProcess:
    """``headrace serve`` on the loopback interface, and what ``/proc`` says about it.

    Args:
        port: UDP port.
        log: File for its standard error.
        options: More of its command line.
    """

    def __init__(self, port: int, log: Path, *options: str) -> None:
        self._log = log
        command = [str(Path(sys.executable).with_name("headrace")), "serve", "--listen", f"127.0.0.1:{port}"]
        command += options
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(command, stderr=stderr)

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
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[1]) / 1e9

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
    def fast_paths(self) -> str:
        """What its log says about the probe."""
        for line in self._log.read_text().splitlines():
            if "fast_paths=" in line:
                return line.partition("fast_paths=")[2].partition(" receive_buffer")[0].strip("'")
        return "unknown"

    def stop(self) -> None:
        """End it as a service manager would."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
