"""What a process may do that decodes what strangers send: compute, and answer. Nothing else."""

import contextlib
import os
from typing import Final

START_WITHIN_SECONDS: Final = 15.0
"""FFmpeg's libraries are loaded in half a second, on a busy machine in some."""
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "SYSTEMROOT")
"""What a Python may need to start. Nothing else: what is set for a broker may be a secret."""


def plain_environment() -> dict[str, str]:
    """Return the environment for such a process."""
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}


def confine(max_memory_bytes: int) -> None:
    """Let this process write no file and start no other process or thread, for good.

    Args:
        max_memory_bytes: Of address space; a system that has no such limit sets none.
    """
    # Here, as the broker loads this module too, and some systems have no limits.
    import resource  # noqa: PLC0415

    for kind, most in (
        (resource.RLIMIT_AS, max_memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        # macOS has no limit of address space; root may start processes all the same.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
