"""When a command ends: on a signal, or when the process that started it is gone."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any, Final

PARENT_ENVIRONMENT_NAME: Final = "HEADRACE_PARENT_PID"
"""Set by ``headrace demo`` for what it starts, so that nothing outlives it, even when it is killed."""
PARENT_POLL_SECONDS: Final = 0.5
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, the system's request to end, and a terminal window that is closed."""


async def run_until_stopped(work: Coroutine[Any, Any, None]) -> bool:
    """Run ``work`` to its end, or cancel it on a stop signal or the death of the parent that was named.

    Returns:
        Whether it came to its own end; being stopped is no error.

    Raises:
        BaseException: What ``work`` raises.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, task.cancel)
    watcher = loop.create_task(_watch_parent(task))
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
        return False
    finally:
        watcher.cancel()
    return True


async def _watch_parent(task: "asyncio.Task[None]") -> None:
    parent = os.environ.get(PARENT_ENVIRONMENT_NAME, "")
    if not parent.isdigit():
        return
    while os.getppid() == int(parent):
        await asyncio.sleep(PARENT_POLL_SECONDS)
    task.cancel()
