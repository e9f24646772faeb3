"""A Unix domain socket through which this machine's user asks a running broker: a line in, a line of JSON out.

Source: ``docs/decisions/0012-local-control-socket.md``; unix(7).
"""

import asyncio
import errno
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from headrace.netio.acceptor import Acceptor
from headrace.service.control_path import control_folder, make_control_folder

MAX_REQUEST_BYTES: Final = 4096
MAX_CONNECTIONS: Final = 16
"""People who watch at the same time."""
IDLE_SECONDS: Final = 600.0
"""Longer than any interval of somebody who watches."""

Answer = Callable[[dict[str, object]], AsyncIterator[str]]


class ControlSocket:
    """Listens at a path.

    Args:
        path: Where. A file that a dead broker left there is replaced.
        answer: Gives the answer to a request in pieces.

    Raises:
        OSError: From `start`: there is a living broker at the path, or it cannot be made.
    """

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._unix: socket.socket | None = None
        self._acceptor: Acceptor | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin, in the running event loop."""
        if self._path.parent == control_folder():
            make_control_folder()
        remove_stale_socket(self._path)
        self._unix = _bind(self._path)
        self._acceptor = Acceptor(self._unix, self._take, "the control socket")
        self._acceptor.start()

    async def stop(self) -> None:
        """End, and remove the file; a second time, or without a start, does nothing."""
        if self._unix is None or self._acceptor is None:
            return
        self._acceptor.stop()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self._unix.close()
        self._unix = None
        with suppress(OSError):
            self._path.unlink()

    def _take(self, peer: socket.socket) -> None:
        if len(self._serving) >= MAX_CONNECTIONS:
            peer.close()
            return
        task = asyncio.create_task(self._serve(peer))
        self._serving.add(task)
        task.add_done_callback(partial(self._forget, peer))

    def _forget(self, peer: socket.socket, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        peer.close()

    async def _serve(self, peer: socket.socket) -> None:
        loop, heard = asyncio.get_running_loop(), b""
        with suppress(OSError, TimeoutError):  # it has gone
            while len(heard) <= MAX_REQUEST_BYTES:
                line, end, rest = heard.partition(b"\n")
                if end:
                    heard = rest
                    await self._reply(line, peer)
                    continue
                async with asyncio.timeout(IDLE_SECONDS):
                    data = await loop.sock_recv(peer, MAX_REQUEST_BYTES)
                if not data:
                    return
                heard += data

    async def _reply(self, line: bytes, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(IDLE_SECONDS):
            async for piece in self._pieces(line):
                await loop.sock_sendall(peer, piece.encode())
            await loop.sock_sendall(peer, b"\n")

    def _pieces(self, line: bytes) -> AsyncIterator[str]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            return _no_object()
        return self._answer(request)


async def _no_object() -> AsyncIterator[str]:
    yield json.dumps({"error": "a request is a JSON object on one line"})


def remove_stale_socket(path: Path) -> None:
    """Remove what a dead broker left at ``path``.

    Raises:
        OSError: Something living answers there, or it is no socket.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            if not path.is_socket():
                raise OSError(errno.EEXIST, "there is a file that is no socket", str(path)) from None
            path.unlink()
        except FileNotFoundError:
            pass
        else:
            raise OSError(errno.EADDRINUSE, "another broker answers there", str(path))


def _bind(path: Path) -> socket.socket:
    """Return a socket at ``path`` that only this user can connect to."""
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        unix.bind(os.fspath(path))
    except BaseException:
        unix.close()
        raise
    finally:
        os.umask(mask)
    unix.listen(MAX_CONNECTIONS)
    unix.setblocking(False)
    return unix
