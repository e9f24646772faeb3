"""Where a scenario plays: a core for what is measured, another one for the load, and a folder for logs."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from headrace.bench.limits import on_one_core
from headrace.bench.load import without_garbage_collector
from headrace.bench.measured_process import BrokerProcess

FIRST_PORT: Final = 30_000
PORTS: Final = 2_500
"""Below 32,768, where Linux begins with what it gives to callers; elsewhere it begins higher."""
_turn = count(os.getpid() * 1_549)
"""Far from where processes begin that were started just before and after."""


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
    """Return a port of the loopback interface that nobody has, of UDP unless another kind is named.

    It is another one each time, and none that the system gives to callers: those of the load, and of whatever else
    the machine does, would take it before its broker has started.

    Raises:
        OSError: None is free.
    """
    for number in islice(_turn, PORTS):
        port = FIRST_PORT + number % PORTS
        with socket.socket(socket.AF_INET, kind) as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:  # somebody's
                continue
            return port
    raise OSError(f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free")
