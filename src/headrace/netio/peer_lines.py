"""Sockets of their own for the peers of a port that must not wait behind its crowd."""

import structlog

from headrace.netio.pump import Pump
from headrace.netio.udp_socket import UdpSocket

_log = structlog.get_logger()


class PeerLines:
    """Opens and closes a socket for each peer that is named.

    A peer without one is served through the common socket, so nothing is lost where none can be had.

    Args:
        socket: The common one.
        pump: Reads the common one, and these.
    """

    def __init__(self, socket: UdpSocket, pump: Pump) -> None:
        self._socket = socket
        self._pump = pump
        self._lines: dict[bytes, UdpSocket] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def open(self, address: bytes) -> None:
        """Let the peer at ``address``, 28 bytes, have a socket of its own, if the system can do that."""
        if not self._socket.capabilities.peer_sockets or address in self._lines:
            return
        try:
            line = self._socket.open_peer_socket(address)
        except OSError as error:
            _log.warning("no socket of its own for a producer", reason=error.strerror or str(error))
            return
        self._lines[address] = line
        self._pump.add(line)

    def close(self, address: bytes) -> None:
        """Let the peer be served through the common socket again."""
        line = self._lines.pop(address, None)
        if line is not None:
            self._pump.remove(line)
            line.close()

    def close_all(self) -> None:
        """Close every peer's socket."""
        for address in list(self._lines):
            self.close(address)
