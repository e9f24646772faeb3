"""What is read off the broker and the load every ten seconds.

Source: proc(5); the log's form is that of ``headrace serve --log-json``.
"""

import json
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from bench.soak.soak_load import SoakLoad

from headrace.bench.measured_process import BrokerProcess
from headrace.cli.serve import OPEN_WARNING
from headrace.netio.clock import now_us

ORDINARY_LEVELS: Final = frozenset({"debug", "info"})


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading; what has a rate is of the time since the last one.

    Attributes:
        at_seconds: Since the start.
        rss_bytes: The broker's resident memory.
        core_share: The broker's processor time over real time.
        waited_share: Time that the broker could have run, but something else had the core, over real time.
        load_core_share: Processor time of the load over real time.
        open_files: The broker's descriptors.
        latency_p50_us: From a producer to a subscriber; None when nothing was measured.
        latency_p99_us: The same, 99 %.
        subscribers: In the crowd.
        joins: Since the start.
        faults: Since the start.
    """

    at_seconds: float
    rss_bytes: int
    core_share: float
    waited_share: float
    load_core_share: float
    open_files: int
    latency_p50_us: float | None
    latency_p99_us: float | None
    subscribers: int
    joins: int
    faults: int


class BrokerLog:
    """Finds what is not ordinary in a log that grows.

    Args:
        path: The log, JSON objects a line.

    Attributes:
        complaints: Lines of a level above ``info``, and lines that are no log lines, as a traceback's; but for the
            warning that the broker is open, as the soak makes it.
    """

    def __init__(self, path: Path) -> None:
        self.complaints: list[str] = []
        self._path = path
        self._offset_bytes = 0

    def poll(self) -> None:
        """Read the lines that are new."""
        with self._path.open("rb") as log:
            log.seek(self._offset_bytes)
            whole, newline, _ = log.read().rpartition(b"\n")
        self._offset_bytes += len(whole) + len(newline)
        self.complaints += [line for line in whole.decode().splitlines() if not _is_ordinary(line)]


def _is_ordinary(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    if not isinstance(entry, dict):
        return False
    return entry.get("level") in ORDINARY_LEVELS or entry.get("event") == OPEN_WARNING


class Watch:
    """Takes readings.

    Args:
        broker: Whose.
        load: What it bears.
        log: What it says.
    """

    def __init__(self, broker: BrokerProcess, load: SoakLoad, log: BrokerLog) -> None:
        self._broker = broker
        self._load = load
        self._log = log
        self._start_us = self._last_us = now_us()
        self._spent_seconds, self._waited_seconds = broker.core_time
        self._load_spent_seconds = _own_processor_seconds()

    def read(self) -> Reading:
        """Return how things are.

        Raises:
            RuntimeError: The broker has ended.
        """
        if not self._broker.is_running:
            raise RuntimeError("the broker has ended by itself: its log says why")
        self._log.poll()
        time_us, load_spent = now_us(), _own_processor_seconds()
        spent, waited = self._broker.core_time
        elapsed_seconds = (time_us - self._last_us) / 1e6
        latencies_us = self._load.tally.take_latencies_us()
        p50_us, p99_us = np.percentile(latencies_us, [50, 99]).tolist() if latencies_us else (None, None)
        reading = Reading(
            at_seconds=(time_us - self._start_us) / 1e6,
            rss_bytes=self._broker.rss_bytes,
            core_share=(spent - self._spent_seconds) / elapsed_seconds,
            waited_share=(waited - self._waited_seconds) / elapsed_seconds,
            load_core_share=(load_spent - self._load_spent_seconds) / elapsed_seconds,
            open_files=self._broker.open_files,
            latency_p50_us=p50_us,
            latency_p99_us=p99_us,
            subscribers=len(self._load.crowd),
            joins=self._load.tally.joins,
            faults=self._load.tally.faults.total() + len(self._log.complaints),
        )
        self._last_us, self._waited_seconds = time_us, waited
        self._spent_seconds, self._load_spent_seconds = spent, load_spent
        return reading


def _own_processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
