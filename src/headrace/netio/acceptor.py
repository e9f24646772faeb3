"""Takes connections from a listening socket, and waits where the system cannot give any.

asyncio's own servers try again at once where no descriptors are left, as often as their backlog says, and log a
traceback each time: 2,048 a second.

Source: accept(2); CPython 3.11, ``asyncio.selector_events``, ``_accept_connection``.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

import structlog

from headrace.netio.open_files import advice_on_shortage

PAUSE_SECONDS: Final = 0.25
"""Before another look, where a connection could not be taken."""
LINE_SECONDS: Final = 10.0
"""From one line about that to the next."""

_log = structlog.get_logger()


class Acceptor:
    """Takes one connection in a turn of the event loop, so that limits count each before the next one is taken.

    Args:
        listening: Listens, and does not block.
        take: Is given each connection, which does not block either.
        name: What they are for, for the log.
    """

    def __init__(self, listening: socket.socket, take: Callable[[socket.socket], None], name: str) -> None:
        self._listening = listening
        self._take = take
        self._name = name
        self._pause: asyncio.TimerHandle | None = None
        self._told_at_seconds: float | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def stop(self) -> None:
        """Take no more; the socket stays open."""
        asyncio.get_running_loop().remove_reader(self._listening)
        if self._pause is not None:
            self._pause.cancel()

    def _accept(self) -> None:
        try:
            peer, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # it has gone
        except OSError as error:
            self._rest(error)
            return
        peer.setblocking(False)
        self._take(peer)

    def _rest(self, error: OSError) -> None:
        """Look again later: the socket stays readable all the while, and others are to be served."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listening)
        self._pause = loop.call_later(PAUSE_SECONDS, self.start)
        now_seconds = loop.time()
        if self._told_at_seconds is not None and now_seconds < self._told_at_seconds + LINE_SECONDS:
            return
        self._told_at_seconds = now_seconds
        _log.warning(
            "connections cannot be taken, and wait",
            to=self._name,
            reason=error.strerror or str(error),
            advice=advice_on_shortage(error.errno),
        )
