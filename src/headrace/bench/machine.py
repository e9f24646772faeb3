"""The facts about a machine that measured figures depend on, and nothing that says whose machine it is.

Source: proc(5); ``Documentation/admin-guide/pm/cpufreq.rst`` of Linux.
"""

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np

from headrace.netio.capabilities import probe_capabilities

UNKNOWN: Final = "unknown"

_CPUINFO: Final = Path("/proc/cpuinfo")
_GOVERNOR: Final = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What figures depend on.

    Attributes:
        processor: Model name.
        cores: That this process may use.
        kernel: Name and version.
        python: Implementation and version.
        numpy: Version.
        headrace: Version.
        governor: How the kernel chooses the processor's clock.
        fast_paths: What sockets can do here.
    """

    processor: str
    cores: int
    kernel: str
    python: str
    numpy: str
    headrace: str
    governor: str
    fast_paths: str


def machine_facts() -> MachineFacts:
    """Return the facts about the machine that we are on."""
    return MachineFacts(
        processor=processor_model(_text(_CPUINFO)),
        cores=usable_cores(),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        numpy=np.__version__,
        headrace=metadata.version("headrace"),
        governor=_text(_GOVERNOR).strip() or UNKNOWN,
        fast_paths=probe_capabilities().describe(),
    )


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_model(cpuinfo: str) -> str:
    """Return the model named in ``/proc/cpuinfo``, else the machine's kind, else that it is unknown."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine() or UNKNOWN


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
