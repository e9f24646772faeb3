"""Where a scenario plays: a core for what is measured, another one for the load, and a folder for logs."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from headrace.bench.limits import on_one_core
from headrace.bench.load import without_garbage_collector
from headrace.bench.measured_process import BrokerProcess


class Stage(NamedTuple):
    """What a scenario may use.

    Attributes:
        core: For the process that is measured; None where cores cannot be chosen.
        folder: Removed at the end.
    """

    core: int | None
    folder: Path

    def broker(self, port: int, *options: str) -> BrokerProcess:
        """Start a broker on the core for what is measured."""
        return BrokerProcess(port, self.folder / f"broker-{port}.log", *options, core=self.core)


@contextmanager
def stage() -> Iterator[Stage]:
    """Keep this process on one core, without the garbage collector; give another one, if there is one."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    with on_one_core(), without_garbage_collector(), TemporaryDirectory(prefix="headrace-bench-") as folder:
        yield Stage(min(cores, default=None), Path(folder))


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """Return a port of the loopback interface that nobody uses, of UDP unless another kind is named."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
