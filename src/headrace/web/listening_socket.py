"""A TCP socket to listen on, before anything is loaded that could answer."""

import errno
import os
import socket
import sys
from contextlib import suppress
from typing import Final

from headrace.base.errors import HeadraceError

BACKLOG: Final = 2_048
"""As many as may wait to be taken, which is done one by one; as many as there may be."""


class HttpListenError(HeadraceError):
    """HTTP cannot be served where it was told to."""


def listen_on(host: str | None, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        host: A name or number; None for all addresses, IPv4 and IPv6 where the system has both.
        port: 0 lets the system choose.

    Raises:
        HttpListenError: It cannot be listened on; the message says what to do.
    """
    try:
        return _try(host, port)
    except OSError as error:
        raise HttpListenError(_explain(host, port, error)) from None


def _explain(host: str | None, port: int, error: OSError) -> str:
    where = f"{'*' if host is None else host}:{port}"
    hint = "choose another address with --http HOST:PORT, or --http off"
    if error.errno == errno.EADDRINUSE:
        hint = f"another program is there: {hint}"
    return f"cannot serve HTTP on TCP {where}: {error.strerror or error}: {hint}"


def _try(host: str | None, port: int) -> socket.socket:
    if host is None and socket.has_dualstack_ipv6():
        # A system can have IPv6 and no address of it.
        with suppress(OSError):
            return _listen(("::", port), socket.AF_INET6, is_dual=True)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return _listen(address, family)


def _listen(address: tuple[object, ...], family: int, *, is_dual: bool = False) -> socket.socket:
    tcp = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix" and sys.platform != "cygwin":
            # A broker that is started again listens at once, although connections of before are being forgotten.
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if is_dual else 1)
        tcp.bind(address)
        tcp.listen(BACKLOG)
        tcp.setblocking(False)
    except BaseException:
        tcp.close()
        raise
    return tcp
