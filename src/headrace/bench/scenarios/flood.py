"""Scenario ``flood``: hostile datagrams by the thousand at a broker whose subscribers are to notice nothing.

The flood comes from thousands of addresses: nonsense, handshakes of both phases, cookies right and wrong, packets
to known and unknown socket ids, valid ones with a byte wrong. It shares a core with the load.
"""

from contextlib import closing
from typing import Final, NamedTuple

from headrace.bench.hostile_load import HostileLoad
from headrace.bench.load import LoadCounts, Window, measure_window, notes_about, run_loads
from headrace.bench.results import Baseline, Figure, Goal
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import free_port, stage
from headrace.bench.stream import StreamShape, make_stream

SUBSCRIBERS: Final = 100
DATAGRAMS_PER_SECOND: Final = 50_000
FLOOD_SECONDS: Final = 60.0
QUICK_FLOOD_SECONDS: Final = 5.0
WINDOW_SECONDS: Final = 5.0
FULL_SECONDS: Final = 12.0
"""Before it: until the ring of the channel has the size that it keeps, and every path has been used once."""
QUICK_FULL_SECONDS: Final = 3.0
GROWTH_GOAL: Final = 1.05


class _Both:
    """The load and the flood as one load, which counts what the load counts."""

    def __init__(self, load: SrtLoad, flood: HostileLoad) -> None:
        self._load, self._flood = load, flood

    @property
    def next_frame_us(self) -> int:
        return self._load.next_frame_us

    def start(self) -> None:
        self._load.start()
        self._flood.start()

    def pause(self) -> None:
        self._flood.pause()
        self._load.pause()

    def turn(self) -> None:
        self._flood.turn()
        self._load.turn()

    def counts(self) -> LoadCounts:
        return self._load.counts()


class Flood(NamedTuple):
    """What was seen.

    Attributes:
        calm: A window without the flood.
        flooded: The window with it.
        datagrams: That were sent.
        sent_bytes: Of these.
        answered_bytes: What they brought back.
        before_mb: Memory of the broker before the flood.
        after_mb: And after it.
        seconds: That it lasted.
    """

    calm: Window
    flooded: Window
    datagrams: int
    sent_bytes: int
    answered_bytes: int
    before_mb: float
    after_mb: float
    seconds: float

    @property
    def us_a_datagram(self) -> float:
        """Processor time of the broker for each datagram of the flood."""
        per_second = self.datagrams / self.seconds
        return 1e6 * (self.flooded.cores - self.calm.cores) / per_second


def measure_flood_once(
    subscribers: int, datagrams_per_second: int, flood_seconds: float, full_seconds: float
) -> Flood:
    """Serve, measure without the flood, then with it."""
    port = free_port()
    with (
        stage() as on,
        on.broker(port) as broker,
        closing(SrtLoad(port, make_stream(StreamShape()), subscribers=[subscribers])) as load,
    ):
        hostile = HostileLoad(
            port,
            datagrams_per_second,
            producer_ids=load.producers.peer_socket_ids.tolist(),
            subscriber_ids=load.subscribers.peer_socket_ids.tolist(),
            beside=[load],
        )
        with closing(hostile) as flood:
            both = _Both(load, flood)
            both.start()
            run_loads([both], full_seconds)
            flood.pause()
            calm = measure_window(broker, load, [flood], seconds=min(WINDOW_SECONDS, flood_seconds))
            before_mb, datagrams = broker.rss_bytes / 1e6, flood.sent_datagrams
            sent_bytes, answered_bytes = flood.sent_bytes, flood.answered_bytes
            flooded = measure_window(broker, both, [], seconds=flood_seconds, warm_up_seconds=0)
            return Flood(
                calm,
                flooded,
                flood.sent_datagrams - datagrams,
                flood.sent_bytes - sent_bytes,
                flood.answered_bytes - answered_bytes,
                before_mb,
                broker.rss_bytes / 1e6,
                flood_seconds,
            )


def measure_flood(plan: Plan, progress: Progress) -> Finding:
    """Measure the flood, once each run."""
    seconds, full = (QUICK_FLOOD_SECONDS, QUICK_FULL_SECONDS) if plan.is_quick else (FLOOD_SECONDS, FULL_SECONDS)
    found = []
    for number in range(plan.runs):
        progress(f"{DATAGRAMS_PER_SECOND} datagrams a second for {seconds:.0f} s, run {number + 1}")
        found.append(measure_flood_once(SUBSCRIBERS, DATAGRAMS_PER_SECOND, seconds, full))
    return Finding(tuple(figures_of(found)), notes=tuple(notes_about([one.flooded for one in found])))


def figures_of(found: list[Flood]) -> list[Figure]:
    """Return the rows of some runs."""
    flooded = [one.flooded for one in found]
    cores = Baseline("without the flood", tuple(one.calm.cores for one in found))
    before = Baseline("before it", tuple(one.before_mb for one in found))
    sent = Baseline("sent to it", tuple(one.sent_bytes / 1e6 for one in found))
    return [
        Figure("datagrams of the flood", "a second", tuple(one.datagrams / one.seconds for one in found)),
        Figure(
            f"packets that {SUBSCRIBERS} subscribers did not get",
            "packets",
            tuple(float(window.counts.missing_packets) for window in flooded),
            goal=Goal(0),
        ),
        Figure("broker in the flood", "cores", tuple(window.cores for window in flooded), cores),
        Figure("processor time for a datagram of the flood", "us", tuple(one.us_a_datagram for one in found)),
        Figure("answers to the flood", "MB", tuple(one.answered_bytes / 1e6 for one in found), sent),
        Figure(
            "memory after the flood",
            "MB",
            tuple(one.after_mb for one in found),
            before,
            Goal(GROWTH_GOAL, of_ratio=True),
        ),
    ]


SCENARIO: Final = Scenario(
    name="flood",
    title="a broker with subscribers under a flood of hostile datagrams",
    fixed_seconds=1,
    seconds_a_run=FLOOD_SECONDS + FULL_SECONDS + WINDOW_SECONDS + 3,
    measure=measure_flood,
)
