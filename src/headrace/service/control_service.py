"""What lets a running broker be asked: the socket, the answers, and a look at everything once a second."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from headrace.base.sockaddr import decode_sockaddr
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.netio.udp_socket import UdpSocket
from headrace.service.broker_status import BrokerStatus
from headrace.service.control_path import control_path
from headrace.service.control_socket import ControlSocket

CONTROL_AUTO: Final = "auto"
CONTROL_OFF: Final = "off"
LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger()


class ControlService:
    """Runs from `start` to `stop`. Where no socket can be made the broker goes on without.

    Args:
        endpoint: The broker's.
        socket: Its common socket.
        where: `CONTROL_AUTO`, `CONTROL_OFF`, or a path.
    """

    def __init__(self, endpoint: SrtEndpoint, socket: UdpSocket, where: str) -> None:
        self._status = BrokerStatus(endpoint, socket)
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
        control = ControlSocket(path, self._status.answer)
        try:
            await control.start()
        except OSError as error:
            reason = error.strerror or str(error)
            _log.warning("no control socket: headrace status cannot ask", path=str(path), reason=reason)
            return
        self._control = control
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            try:
                for _ in self._status.observe():
                    await asyncio.sleep(0)  # packets first
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
