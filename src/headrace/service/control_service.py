"""What lets a running broker be asked: the socket, the answers, and a look at everything once a second."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog

from headrace.base.sockaddr import decode_sockaddr
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.netio.media_loop import MediaLoop
from headrace.netio.udp_socket import UdpSocket
from headrace.service.broker_status import BrokerStatus
from headrace.service.control_path import control_path
from headrace.service.control_socket import ControlSocket

CONTROL_AUTO: Final = "auto"
CONTROL_OFF: Final = "off"
LOOK_SECONDS: Final = 1.0

T = TypeVar("T")

_log = structlog.get_logger()


class ControlService:
    """Runs from `start` to `stop`. Where no socket can be made the broker goes on without.

    Args:
        endpoint: The broker's.
        socket: Its common socket.
        loop: Drives the endpoint; all that is asked of it is asked there, a piece at a time.
        where: `CONTROL_AUTO`, `CONTROL_OFF`, or a path.
    """

    def __init__(self, endpoint: SrtEndpoint, socket: UdpSocket, loop: MediaLoop, where: str) -> None:
        self._status = BrokerStatus(endpoint, socket)
        self._loop = loop
        self._socket = socket
        self._where = where
        self._control: ControlSocket | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, in the running event loop."""
        if self._where == CONTROL_OFF:
            return
        port = decode_sockaddr(self._socket.local_address)[1]
        path = control_path(port) if self._where == CONTROL_AUTO else Path(self._where)
        control = ControlSocket(path, self._answer)
        try:
            await control.start()
        except OSError as error:
            reason = error.strerror or str(error)
            _log.warning("no control socket: headrace status cannot ask", path=str(path), reason=reason)
            return
        self._control = control
        self._looking = asyncio.create_task(self._look())

    async def _answer(self, request: dict[str, object]) -> AsyncIterator[str]:
        pieces = self._status.answer(request)
        while (piece := await self._next(pieces)) is not None:
            yield piece[0]

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

    async def stop(self) -> None:
        """End; a second time, or without a start, does nothing."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if self._control is not None:
            await self._control.stop()


def _step(pieces: Iterator[T]) -> tuple[T] | None:
    """Return what comes next as the only item of a tuple, or None."""
    for piece in pieces:
        return (piece,)
    return None
