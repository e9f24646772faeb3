"""Answers what a broker is doing, whoever asks, and looks at everything once a second while it runs."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from headrace.endpoints.snapshot import Sessions
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.netio.media_loop import MediaLoop
from headrace.netio.udp_socket import UdpSocket
from headrace.service.broker_status import BrokerStatus

LOOK_SECONDS: Final = 1.0

T = TypeVar("T")

_log = structlog.get_logger()


class StatusDesk:
    """Runs from `start` to `stop`.

    Args:
        endpoint: The broker's.
        socket: Its common socket.
        loop: Drives the endpoint; all that is asked of it is asked there, a piece at a time.
        more_sockets: The broker's others, whose counters are looked at from there.
    """

    def __init__(
        self, endpoint: SrtEndpoint, socket: UdpSocket, loop: MediaLoop, more_sockets: Sequence[UdpSocket] = ()
    ) -> None:
        self._status = BrokerStatus(endpoint, socket, more_sockets)
        self._loop = loop
        self._looking: asyncio.Task[None] | None = None

    def use_sessions(self, sessions: Sessions) -> None:
        """Tell of the sessions of browsers too from now on."""
        self._status.sessions = sessions

    def start(self) -> None:
        """Begin to look, in the running event loop; a second time does nothing."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def pieces(self, request: dict[str, object]) -> AsyncIterator[str]:
        """Give the answer to a request, as `BrokerStatus.answer` has it, as pieces of JSON."""
        pieces = self._status.answer(request)
        while (piece := await self._next(pieces)) is not None:
            yield piece[0]

    async def document(self, subscribers_of: str | None = None) -> dict[str, Any]:
        """Return the status.

        Args:
            subscribers_of: Id of the channel whose subscribers are wanted; ``*`` for all, None for none.
        """
        request: dict[str, object] = {"want": "status", "subscribers_of": subscribers_of}
        document: dict[str, Any] = json.loads("".join([piece async for piece in self.pieces(request)]))
        return document

    async def _next(self, pieces: Iterator[T]) -> tuple[T] | None:
        return await self._loop.call(partial(_step, pieces))

    async def _look(self) -> None:
        while True:
            try:
                steps = self._status.observe()
                while await self._next(steps) is not None:
                    pass
            except Exception as error:  # noqa: BLE001 - statistics must not end anybody's stream
                _log.error("looking at the channels met a bug; the broker goes on", exc_info=error)
            await asyncio.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """End; a second time, or without a start, does nothing."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


def _step(pieces: Iterator[T]) -> tuple[T] | None:
    """Return what comes next as the only item of a tuple, or None."""
    for piece in pieces:
        return (piece,)
    return None
