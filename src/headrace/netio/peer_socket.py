"""A second socket on a port, which gets what one peer sends.

The kernel gives a datagram to the socket that matches it best, and a connected one matches its peer better than
one that is open to all. So a producer's packets need not wait in a queue behind thousands of acknowledgements.

Source: ip(7) and socket(7), ``SO_REUSEADDR``; the score of a socket is Linux's, and probed before it is used.
"""

import socket
from typing import Any


def open_peer_socket(shared: socket.socket, peer: tuple[Any, ...]) -> socket.socket:
    """Return a non-blocking socket at the address of ``shared`` that gets what ``peer`` sends from now on.

    ``shared`` was bound without ``SO_REUSEADDR``, so that nobody else could have its port, and nobody can after:
    it takes both sockets to agree. Between the two calls below the new socket may get a stranger's datagrams:
    they are as good there.

    Raises:
        OSError: The system does not allow it, or there are no descriptors left.
    """
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own = socket.socket(shared.family, socket.SOCK_DGRAM)
    try:
        if shared.family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setblocking(False)
        own.bind(shared.getsockname())
        own.connect(peer)
    except BaseException:
        own.close()
        raise
    return own
