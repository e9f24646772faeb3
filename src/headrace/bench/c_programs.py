"""Small C programs that Headrace is compared with, compiled where there is a compiler.

Their sources are in ``c/``: ``sendto_loop``, the relay that one writes first, and ``segmented_bursts``, the least
that sending can cost. Both relay until they are ended, or send as fast as they can and say what it took.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from headrace.bench.scenario import ScenarioSkipped

SENDTO_LOOP: Final = "sendto_loop"
SEGMENTED_BURSTS: Final = "segmented_bursts"

READY: Final = "ready\n"
"""What a program writes to its standard output when its socket is open."""

_COMPILERS: Final = ("cc", "gcc", "clang")
_COMPILE_SECONDS: Final = 60
_SPARE_SECONDS: Final = 20.0


class Targets(NamedTuple):
    """Whom to send to.

    Attributes:
        first_address: The others follow it.
        addresses: How many.
        port: The same for all.
    """

    first_address: IPv4Address
    addresses: int
    port: int


class Flood(NamedTuple):
    """What sending as fast as possible took.

    Attributes:
        datagrams: That the kernel accepted.
        seconds: Real time.
        processor_seconds: Of the sending process.
    """

    datagrams: int
    seconds: float
    processor_seconds: float


@contextmanager
def c_program(name: str) -> Iterator[Path]:
    """Compile a program into a temporary folder that is removed at the end.

    Raises:
        ScenarioSkipped: There is no C compiler, or it does not take the program.
    """
    compiler = next((path for path in map(shutil.which, _COMPILERS) if path), None)
    if compiler is None:
        raise ScenarioSkipped("no C compiler on the PATH: install gcc or clang to have the C baselines")
    with TemporaryDirectory(prefix="headrace-bench-") as folder:
        for source in resources.files("headrace.bench").joinpath("c").iterdir():
            Path(folder, source.name).write_bytes(source.read_bytes())
        program = Path(folder, name)
        _compile([compiler, "-O2", "-o", str(program), str(program.with_suffix(".c"))])
        yield program


def _compile(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - the compiler that the PATH names
        command, capture_output=True, text=True, timeout=_COMPILE_SECONDS, check=False
    )
    if done.returncode:
        raise ScenarioSkipped(f"the C compiler does not take a baseline: {done.stderr.strip()}")


def relay_command(program: Path, port: int, targets: Targets) -> list[str]:
    """Return the command that sends what comes to ``port`` of 127.0.0.1 on to all targets, until it is ended."""
    return [str(program), str(port), str(targets.first_address), str(targets.addresses), str(targets.port)]


def flood(program: Path, targets: Targets, *, packets: int, seconds: float) -> Flood:
    """Let a program send bursts of ``packets`` datagrams of 1,332 bytes to all targets as fast as it can."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*relay_command(program, 0, targets), str(seconds), str(packets)],
        capture_output=True,
        text=True,
        timeout=seconds + _SPARE_SECONDS,
        check=True,
    )
    return Flood(**json.loads(done.stdout.removeprefix(READY)))
