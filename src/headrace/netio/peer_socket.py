"""A second socket on a port, which gets what one peer sends.

The kernel gives a datagram to the socket that matches it best, and a connected one matches its peer better than
one that is open to all. So a producer's packets need not wait in a queue behind thousands of acknowledgements.

Source: ip(7) and socket(7), ``SO_REUSEADDR``; the score of a socket is Linux's, and probed before it is used.
"""

import socket
from typing import Any


def open_peer_socket(shared: socket.socket, peer: tuple[Any, ...]) -> socket.socket:
    """Return a non-blocking socket at the address of ``shared`` that gets what ``peer`` sends from now on.

    A port is shared when both sockets have ``SO_REUSEADDR`` as the second one binds. ``shared`` has it for that
    moment only, so that no other process gets the port. Between the last two calls below the new socket may get a
    stranger's datagrams: they are as good there.

    Raises:
        OSError: The system does not allow it, or there are no descriptors left.
    """
    own = socket.socket(shared.family, socket.SOCK_DGRAM)
    try:
        if shared.family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setblocking(False)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(shared.getsockname())
        finally:
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        own.connect(peer)
    except BaseException:
        own.close()
        raise
    return own
