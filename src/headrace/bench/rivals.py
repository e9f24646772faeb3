"""A broker and relays that speak no SRT, each with a load of its own, for scenarios that measure them in turns."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from headrace.bench.c_programs import SENDTO_LOOP, Targets, c_program, relay_command
from headrace.bench.delays import Delays
from headrace.bench.load import Load, Window, measure_window
from headrace.bench.loopback_port import LoadError
from headrace.bench.measured_process import MeasuredProcess
from headrace.bench.plain_load import PlainLoad
from headrace.bench.scenario import ScenarioSkipped
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import Stage, free_port
from headrace.bench.stream import Stream

BROKER: Final = "Headrace"
EAGER_BROKER: Final = "Headrace, --no-coalescing"
C_LOOP: Final = "C, sendto loop"
PYTHON_LOOP: Final = "Python, sendto loop"
START_SECONDS: Final = 30.0
RELAYS: Final = frozenset({C_LOOP, PYTHON_LOOP})


class Rival(NamedTuple):
    """One of those that are compared.

    Attributes:
        process: What is measured.
        load: Its load.
        delays: Of its packets; empty where nobody asked for them.
    """

    process: MeasuredProcess
    load: Load
    delays: Delays


@contextmanager
def compiled_loop() -> Iterator[tuple[Path | None, tuple[str, ...]]]:
    """Give the C loop, or None and a note where there is no compiler."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(c_program(SENDTO_LOOP)), ()
        except ScenarioSkipped as reason:
            yield None, (str(reason),)


@contextmanager
def rivals(
    on: Stage, stream: Stream, subscribers: int, c_loop: Path | None, *, with_delays: bool = False
) -> Iterator[dict[str, Rival]]:
    """Start broker and relays for one channel, by name; without ``c_loop`` that one is left out.

    Where delays are wanted there is a broker that lets nothing wait for more, too.
    """
    with ExitStack() as stack:
        found: dict[str, Rival] = {}
        for name, options in {BROKER: (), EAGER_BROKER: ("--no-coalescing",)}.items():
            if name == BROKER or with_delays:
                port, delays = free_port(), Delays([0] * subscribers)
                broker = stack.enter_context(on.broker(port, *options))
                observer = delays if with_delays else None
                beside = [rival.load for rival in found.values()]
                load = SrtLoad(port, stream, subscribers=[subscribers], observer=observer, beside=beside)
                found[name] = Rival(broker, stack.enter_context(closing(load)), delays)
        programs = {C_LOOP: c_loop, PYTHON_LOOP: Path(sys.executable)}
        for name, program in programs.items():
            if program is None:
                continue
            port, delays = free_port(), Delays([0] * subscribers)
            observer = delays if with_delays else None
            plain = stack.enter_context(
                closing(PlainLoad(port, stream, subscribers=subscribers, observer=observer))
            )
            command = _relay_command(program, port, plain.targets)
            relay = stack.enter_context(MeasuredProcess(command, on.folder / f"relay-{port}.log", on.core))
            wait_until_bound(port)
            found[name] = Rival(relay, plain, delays)
        yield found


def wait_until_bound(port: int) -> None:
    """Wait until a program has its UDP port: one that is suspended before would never be there in time.

    Raises:
        LoadError: It is not there in time.
    """
    give_up_at = time.monotonic() + START_SECONDS
    while f":{port:04X} " not in Path("/proc/net/udp").read_text():
        if time.monotonic() > give_up_at:
            raise LoadError(f"a relay does not listen on UDP port {port} after {START_SECONDS:.0f} s")
        time.sleep(0.01)


def _relay_command(program: Path, port: int, targets: Targets) -> list[str]:
    name, *arguments = relay_command(program, port, targets)
    return [name, *(["-m", "headrace.bench.sendto_relay"] if program == Path(sys.executable) else []), *arguments]


def measure_in_turns(found: Mapping[str, Rival], name: str, seconds: float) -> Window:
    """Measure one, while the others' connections are kept alive.

    Relays have none, and stand still: one that cannot keep up would send what it has yet to send meanwhile.
    """
    others = {other: rival for other, rival in found.items() if other != name}
    idle = [rival.load for rival in others.values()]
    with ExitStack() as stack:
        for relay in others.keys() & RELAYS:
            stack.enter_context(others[relay].process.suspended())
        return measure_window(found[name].process, found[name].load, idle, seconds=seconds)
