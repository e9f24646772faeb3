"""Runs a test's coroutine and sees to it that nothing of it is left over."""

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

MAX_SECONDS = 30.0
_DESCRIPTORS = Path("/proc/self/fd")
_THREADS = ("viewer", "player", "stream")


async def until(condition: Callable[[], bool], *, seconds: float = 8.0) -> None:
    """Wait until ``condition`` holds; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


def open_sockets() -> int:
    """Return how many sockets this process has, 0 where that cannot be known."""
    if not _DESCRIPTORS.exists():
        return 0
    count = 0
    for name in os.listdir(_DESCRIPTORS):
        try:
            count += os.readlink(_DESCRIPTORS / name).startswith("socket:")
        except OSError:  # the descriptor that lists this folder
            continue
    return count


def our_threads() -> list[str]:
    """Return the names of the client room's threads that run."""
    return [thread.name for thread in threading.enumerate() if thread.name in _THREADS]


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` and fail if it leaves a task, a socket or a thread, or if a callback raised."""

    async def watched() -> None:
        problems: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        sockets = open_sockets()
        async with asyncio.timeout(MAX_SECONDS):
            await main()
        try:
            await until(lambda: len(asyncio.all_tasks()) == 1 and open_sockets() <= sockets and not our_threads())
        except TimeoutError:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            message = f"left over: {left}, {open_sockets() - sockets} sockets, threads {our_threads()}"
            raise AssertionError(message) from None
        gc.collect()
        assert not problems

    asyncio.run(watched())
