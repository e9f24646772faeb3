"""What every load can do, and how a process is measured while one flows.

The load never waits at a socket: it looks every half millisecond. So no wake-up of a receiver, which over a real
network would be another machine's, is counted as the work of the process that is measured.

Source: the method of RFC 2544, 26.1, with processor time beside the losses.
"""

import gc
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol

from headrace.base.datagram_batch import I64Array
from headrace.bench.arrivals import Arrivals
from headrace.bench.loopback_port import LoadError
from headrace.bench.measured_process import CoreTime, MeasuredProcess, read_core_time
from headrace.netio.clock import now_us

LOOK_US: Final = 500
WARM_UP_SECONDS: Final = 0.5
"""After a pause, caches and the core's clock are cold."""
BUSY_SHARE: Final = 0.9
"""Of its core: a load that needs more may send frames late and together."""
HEADROOM_CORES: Final = 0.95
"""A process that takes more of its core has none left for more peers."""
WAITED_SHARE: Final = 0.05
"""Of the time that a process wanted its core: above this, the figures are of the machine's other work too."""


class LoadCounts(NamedTuple):
    """What a load has counted so far, over all of its subscribers.

    Attributes:
        due_packets: That they should have got.
        received_packets: Different packets that they got.
        duplicate_packets: That somebody got again.
        recovered_packets: That came after later ones.
        dropped_datagrams: That found no room at the load's own sockets.
        shutdowns: Peers whose connection was ended by the other side.
    """

    due_packets: int
    received_packets: int
    duplicate_packets: int
    recovered_packets: int
    dropped_datagrams: int
    shutdowns: int

    @classmethod
    def of(cls, arrivals: Arrivals, due_packets: int, dropped_datagrams: int, shutdowns: int = 0) -> "LoadCounts":
        """Return the counts of a load whose receivers' packets are ``arrivals``."""
        return cls(
            due_packets=due_packets,
            received_packets=int(arrivals.received_packets.sum()),
            duplicate_packets=int(arrivals.duplicate_packets.sum()),
            recovered_packets=int(arrivals.recovered_packets.sum()),
            dropped_datagrams=dropped_datagrams,
            shutdowns=shutdowns,
        )

    @property
    def missing_packets(self) -> int:
        """That should have come and have not."""
        return self.due_packets - self.received_packets

    def since(self, before: "LoadCounts") -> "LoadCounts":
        """Return what has been added to ``before``."""
        return LoadCounts(*(now - then for now, then in zip(self, before, strict=True)))


class Observer(Protocol):
    """Is told of each data packet; times are microseconds since 1970, and all arrays have the shape ``(n,)``."""

    def note_sent(self, rows: I64Array, indices: I64Array, sent_us: I64Array) -> None:
        """Take which producers sent which packets, for the first time, and when, just before the system call."""

    def note_arrivals(self, rows: I64Array, indices: I64Array, arrivals_us: I64Array) -> None:
        """Take which subscribers got which packets, and when the kernel had them."""


class Load(Protocol):
    """Producers and subscribers of one process that is measured."""

    @property
    def next_frame_us(self) -> int:
        """When the next frame is due; far in the future while none is to be sent."""

    def start(self) -> None:
        """Let the frames flow."""

    def pause(self) -> None:
        """Send no new frames."""

    def turn(self) -> None:
        """Send and take what there is; every few seconds at least, or the other side goes."""

    def counts(self) -> LoadCounts:
        """Return what has been counted so far."""


class Window(NamedTuple):
    """What one process did while one load flowed.

    Attributes:
        cores: Processor time over real time.
        waited_share: Of the time that it wanted its core, what something else had it.
        load_cores: Processor time of the load over real time.
        load_waited_share: The same of the load.
        counts: Of this time, with what was sent before it to warm up.
    """

    cores: float
    waited_share: float
    load_cores: float
    load_waited_share: float
    counts: LoadCounts


def run_loads(loads: Sequence[Load], seconds: float) -> None:
    """Let loads live for so long."""
    end_us = now_us() + int(1e6 * seconds)
    while True:
        for load in loads:
            load.turn()
        wait_us = min(LOOK_US, end_us - now_us(), *(load.next_frame_us - now_us() for load in loads))
        if now_us() >= end_us:
            return
        if wait_us > 0:
            time.sleep(wait_us / 1e6)


def measure_window(
    process: MeasuredProcess,
    load: Load,
    idle: Sequence[Load],
    *,
    seconds: float,
    warm_up_seconds: float = WARM_UP_SECONDS,
    settle_seconds: float = 0.3,
) -> Window:
    """Let ``load`` flow for a while, then measure; what is idle is kept alive meanwhile.

    Args:
        process: What is measured.
        load: Its load.
        idle: Other loads.
        seconds: Length of the window.
        warm_up_seconds: Before it.
        settle_seconds: After the window's last packet; what has not come by then counts as missing.

    Raises:
        LoadError: The process has ended, or peers were sent away.
    """
    loads = [load, *idle]
    counts = load.counts()
    load.start()
    run_loads(loads, warm_up_seconds)
    started_us = now_us()
    before, load_before = process.core_time, read_core_time(os.getpid())
    run_loads(loads, seconds)
    after, load_after = process.core_time, read_core_time(os.getpid())
    elapsed_seconds = (now_us() - started_us) / 1e6
    load.pause()
    run_loads(loads, settle_seconds)
    counts = load.counts().since(counts)
    if counts.shutdowns:
        said = process.last_words
        raise LoadError(
            f"{counts.shutdowns} peers were sent away while they were measured; last was heard: {said}"
        )
    return Window(
        *_shares(before, after, elapsed_seconds), *_shares(load_before, load_after, elapsed_seconds), counts
    )


def _shares(before: CoreTime, after: CoreTime, elapsed_seconds: float) -> tuple[float, float]:
    ran = after.ran_seconds - before.ran_seconds
    waited = after.waited_seconds - before.waited_seconds
    return ran / elapsed_seconds, waited / (waited + ran) if ran else 0.0


def notes_about(windows: Sequence[Window]) -> tuple[str, ...]:
    """Return what makes the figures of these windows those of something else than the process."""
    found = []
    if dropped := sum(window.counts.dropped_datagrams for window in windows):
        found.append(f"the load was the limit: {dropped} datagrams found no room at its sockets")
    for said, share, limit in (
        ("the load was the limit", "load_cores", BUSY_SHARE),
        ("something else had the core", "waited_share", WAITED_SHARE),
        ("something else had the load's core", "load_waited_share", WAITED_SHARE),
    ):
        values = [getattr(window, share) for window in windows]
        over = [value for value in values if value > limit]
        if over:
            found.append(f"{said}: {100 * max(over):.0f} % in {len(over)} of {len(values)} windows")
    return tuple(found)


def too_many(peers: int, window: Window) -> str:
    """Return why so many peers were too many, with their window, or nothing."""
    missing = window.counts.missing_packets
    if not missing and window.cores < HEADROOM_CORES:
        return ""
    seen = f"{peers} were too many: {missing} packets lost, {window.cores:.2f} cores"
    return "; ".join((seen, *notes_about([window])))


@contextmanager
def without_garbage_collector() -> Iterator[None]:
    """Keep Python's cyclic garbage collector from pausing the load."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
