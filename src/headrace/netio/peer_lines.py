"""Sockets of their own for the peers of a port that must not wait behind its crowd."""

import structlog

from headrace.netio.media_loop import MediaLoop
from headrace.netio.open_files import advice_on_shortage
from headrace.netio.udp_socket import UdpSocket

_log = structlog.get_logger()


class PeerLines:
    """Opens and closes a socket for each peer that is named.

    A peer without one is served through the common socket, so nothing is lost where none can be had. That is
    logged when it begins, and not for every peer that comes until there is one for somebody again.

    Args:
        socket: The common one.
        loop: Reads the common one, and these.

    Attributes:
        refused: How many could not be had so far.
    """

    def __init__(self, socket: UdpSocket, loop: MediaLoop) -> None:
        self._socket = socket
        self._loop = loop
        self._lines: dict[bytes, UdpSocket] = {}
        self._is_short = False
        self.refused = 0

    def __len__(self) -> int:
        """How many peers are heard through a socket of their own: the loop closes one that fails."""
        return self._loop.line_count

    def open(self, address: bytes) -> None:
        """Let the peer at ``address``, 28 bytes, have a socket of its own, if the system can do that."""
        if not self._socket.capabilities.peer_sockets or self._is_open(address):
            return
        try:
            line = self._socket.open_peer_socket(address)
        except OSError as error:
            self._note_refused(error)
            return
        try:
            self._loop.add(line)
        except OSError as error:
            line.close()
            self._note_refused(error)
            return
        self._lines[address] = line
        self._is_short = False

    def _is_open(self, address: bytes) -> bool:
        line = self._lines.get(address)
        return line is not None and line.fileno() >= 0

    def _note_refused(self, error: OSError) -> None:
        self.refused += 1
        if self._is_short:
            return
        self._is_short = True
        _log.warning(
            "no sockets of their own for producers: they are served through the common one",
            reason=error.strerror or str(error),
            advice=advice_on_shortage(error.errno),
            producers_with_one=len(self),
        )

    def close(self, address: bytes) -> None:
        """Let the peer be served through the common socket again."""
        line = self._lines.pop(address, None)
        if line is not None:
            self._loop.remove(line)
            line.close()

    def close_all(self) -> None:
        """Close every peer's socket."""
        for address in list(self._lines):
            self.close(address)
