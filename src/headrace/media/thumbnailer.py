"""Makes thumbnails in a process of its own, which is killed when it takes too long, and started when needed."""

import asyncio
import contextlib
import os
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

from headrace.media.confinement import START_WITHIN_SECONDS, plain_environment
from headrace.media.errors import MediaError
from headrace.media.thumbnail import Thumbnail

LENGTH: Final = struct.Struct(">I")
"""Stands before what goes to the process and what comes back."""
WITHIN_SECONDS: Final = 2.0
"""A keyframe takes 50 ms, on a busy machine half a second."""
IDLE_SECONDS: Final = 60.0
"""After this long without work the process ends, and its 100 MB are free."""
MAX_PICTURE_BYTES: Final = 500_000


class Thumbnailer:
    """Makes one picture after another.

    Args:
        command: Starts the process; by default our own.
        within_seconds: How long a picture may take.
        idle_seconds: How long the process waits for the next one.

    Attributes:
        starts: How often the process was started.
        kills: How often it took too long, or died.
    """

    def __init__(
        self,
        command: tuple[str, ...] = (sys.executable, "-m", "headrace.media.thumbnail_worker"),
        *,
        within_seconds: float = WITHIN_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._command = command
        self._within_seconds = within_seconds
        self._idle_seconds = idle_seconds
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self.starts = 0
        self.kills = 0

    async def make(self, stream: bytes) -> Thumbnail | None:
        """Return a picture of what ``stream`` begins with.

        Args:
            stream: As `headrace.media.thumbnail_picture.thumbnail_of` wants it.

        Returns:
            None if there is no whole keyframe in it, or none that can be decoded in time.
        """
        async with self._turn:
            self._be_busy()
            try:
                process = await self._running()
                async with asyncio.timeout(self._within_seconds):
                    return await _exchange(process, stream)
            except (TimeoutError, OSError, asyncio.IncompleteReadError, MediaError):
                self.kills += 1
                await self._kill()
                return None
            except asyncio.CancelledError:
                # Half an answer would be taken for the next picture's.
                await self._kill()
                raise
            finally:
                self._be_idle()

    async def close(self) -> None:
        """End the process; whoever waits for a picture gets none."""
        self._be_busy()
        await self._kill()
        if self._ending is not None:
            await self._ending

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=plain_environment(), cwd=os.sep
            )
            self.starts += 1
            async with asyncio.timeout(START_WITHIN_SECONDS):
                await _read_picture(self._process)
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _end(process)

    def _be_busy(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _be_idle(self) -> None:
        if self._process is not None:
            self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._ending = asyncio.create_task(_end(process))


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _exchange(process: Process, stream: bytes) -> Thumbnail | None:
    assert process.stdin is not None
    process.stdin.write(LENGTH.pack(len(stream)) + stream)
    await process.stdin.drain()
    picture = await _read_picture(process)
    return Thumbnail.decode(picture) if picture else None


async def _read_picture(process: Process) -> bytes:
    assert process.stdout is not None
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    if length > MAX_PICTURE_BYTES:
        raise OSError("what decodes pictures has gone mad")
    return await process.stdout.readexactly(length)
