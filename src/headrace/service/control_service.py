"""What lets a running broker be asked by its own user: a socket, with the answers of its control desk."""

from pathlib import Path
from typing import Final

import structlog

from headrace.service.control_desk import ControlDesk
from headrace.service.control_path import control_path
from headrace.service.control_socket import ControlSocket

CONTROL_AUTO: Final = "auto"
CONTROL_OFF: Final = "off"

_log = structlog.get_logger()


class ControlService:
    """Runs from `start` to `stop`. Where no socket can be made the broker goes on without.

    Args:
        desk: Answers.
        port: The broker's UDP port.
        where: `CONTROL_AUTO`, `CONTROL_OFF`, or a path.
    """

    def __init__(self, desk: ControlDesk, port: int, where: str) -> None:
        self._desk = desk
        self._port = port
        self._where = where
        self._control: ControlSocket | None = None

    async def start(self) -> None:
        """Begin, in the running event loop."""
        if self._where == CONTROL_OFF:
            return
        path = control_path(self._port) if self._where == CONTROL_AUTO else Path(self._where)
        control = ControlSocket(path, self._desk.pieces)
        try:
            await control.start()
        except OSError as error:
            reason = error.strerror or str(error)
            _log.warning("no control socket: headrace status cannot ask", path=str(path), reason=reason)
            return
        self._control = control
        self._desk.start()

    async def stop(self) -> None:
        """End; a second time, or without a start, does nothing."""
        if self._control is not None:
            await self._control.stop()
