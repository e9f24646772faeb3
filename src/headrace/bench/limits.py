"""What a process may use while it measures: one core, many sockets.

Source: sched_setaffinity(2), getrlimit(2).
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from headrace.bench.scenario import ScenarioSkipped

if sys.platform != "win32":
    import resource


@contextmanager
def on_one_core() -> Iterator[int]:
    """Run this thread, and processes that it starts meanwhile, on the last core that it may use; yield which.

    Where the system cannot do that nothing changes, and it yields -1.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield -1
        return
    usual = os.sched_getaffinity(0)
    core = max(usual)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, usual)


def allow_open_files(count: int) -> None:
    """Raise the limit of open files to ``count`` if it is lower.

    Raises:
        ScenarioSkipped: The system does not allow so many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    try:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (count, max(hard, count) if hard != resource.RLIM_INFINITY else hard)
        )
    except (OSError, ValueError):
        raise ScenarioSkipped(
            f"{count} open files are needed: raise the limit with 'ulimit -Hn {count}'"
        ) from None
