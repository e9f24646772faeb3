"""What this process takes of the machine.

Source: proc(5), ``/proc/self/statm``.
"""

import os
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def resident_bytes(statm: Path = _STATM) -> int | None:
    """Return how much memory this process has in RAM, or None where the system does not tell."""
    try:
        pages = int(statm.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
