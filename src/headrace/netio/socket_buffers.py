"""A socket's buffers: what the system granted of what was asked for, and what has not fitted in.

Source: socket(7), which says that Linux counts what it grants twice; ``sock_diag.h`` (SO_MEMINFO).
"""

import contextlib
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

_LINUX_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("=9I")
_DROPS: Final = 8
_SETTINGS: Final = {
    "linux": ("net.core.rmem_max", "net.core.wmem_max"),
    "darwin": ("kern.ipc.maxsockbuf", "kern.ipc.maxsockbuf"),
}


@dataclass(frozen=True, slots=True)
class GrantedBuffers:
    """What a socket has, in the bytes in which it was asked for.

    Attributes:
        receive_bytes: Of its receive buffer.
        send_bytes: Of its send buffer.
        wanted_bytes: Of each.
    """

    receive_bytes: int
    send_bytes: int
    wanted_bytes: int

    def advice(self, platform: str = sys.platform) -> str | None:
        """Return the command that lets the system grant all, None where it has or where none is known."""
        short = (self.receive_bytes < self.wanted_bytes, self.send_bytes < self.wanted_bytes)
        settings = zip(_SETTINGS.get(platform, ()), short, strict=False)
        names = dict.fromkeys(name for name, is_short in settings if is_short)
        assignments = " ".join(f"{name}={self.wanted_bytes}" for name in names)
        return f"sudo sysctl -w {assignments}" if names else None


def granted_buffers(receive_bytes: int, send_bytes: int, wanted_bytes: int) -> GrantedBuffers:
    """Return what was granted, from what ``SO_RCVBUF`` and ``SO_SNDBUF`` say."""
    factor = 2 if sys.platform == "linux" else 1
    return GrantedBuffers(receive_bytes // factor, send_bytes // factor, wanted_bytes)


def dropped_datagrams(udp: socket.socket) -> int:
    """Return how many datagrams found no room in the receive buffer; 0 where that is not told."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, struct.error):
            said = udp.getsockopt(socket.SOL_SOCKET, _LINUX_SO_MEMINFO, _MEMINFO.size)
            return int(_MEMINFO.unpack(said)[_DROPS])
    return 0
