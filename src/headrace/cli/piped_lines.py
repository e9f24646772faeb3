"""Lines of a pipe or file as they come, without holding up the end of the program."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

READ_BYTES: Final = 4096
MAX_LINE_BYTES: Final = 4096
"""What is longer is no command: it is cut there, and the rest of the line is left out."""


async def piped_lines(descriptor: int) -> AsyncIterator[str]:
    """Yield the lines that can be read from ``descriptor`` until its end.

    A thread reads, as a regular file cannot be waited for with an event loop. It is a daemon and reads the bare
    descriptor, so a pipe that stays silent does not hold up a program that is to end.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    wanted = threading.Semaphore()
    threading.Thread(target=_read, args=(descriptor, loop, pieces, wanted), name="input", daemon=True).start()
    line = b""
    while data := await pieces.get():
        *ended, rest = (line + data).split(b"\n")
        for one in ended:
            yield _decode(one)
        line = rest[:MAX_LINE_BYTES]
        wanted.release()
    if line:
        yield _decode(line)


def _read(
    descriptor: int, loop: asyncio.AbstractEventLoop, pieces: "asyncio.Queue[bytes]", wanted: threading.Semaphore
) -> None:
    data = b"-"
    while data:
        wanted.acquire()  # one piece at a time: an endless input fills no memory, and the loop has its turn
        try:
            data = os.read(descriptor, READ_BYTES)
        except OSError:  # a terminal that went away
            data = b""
        try:
            loop.call_soon_threadsafe(pieces.put_nowait, data)
        except RuntimeError:  # the loop has ended, and nobody wants to know
            return


def _decode(line: bytes) -> str:
    return line[:MAX_LINE_BYTES].decode(errors="replace")
