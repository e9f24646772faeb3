"""Free ports of the loopback interface.

They lie below those that the system gives to callers, of which hundreds come and go while a port waits for its
program, or for that to be started again. Each worker of the tests has some of its own, and gives them in turn.
"""

import asyncio
import itertools
import os
import socket

WORKERS = 8
PORTS_OF_A_WORKER = 2_500
FIRST_PORT = 10_000 + PORTS_OF_A_WORKER * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % WORKERS)
_turn = itertools.count(os.getpid())


def free_udp_port(host: str = "127.0.0.1") -> int:
    """Return a UDP port that nobody has."""
    return _free_port(host, socket.SOCK_DGRAM)


def free_tcp_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that nobody has."""
    return _free_port(host, socket.SOCK_STREAM)


def _free_port(host: str, kind: socket.SocketKind) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in itertools.islice(_turn, PORTS_OF_A_WORKER):
        port = FIRST_PORT + number % PORTS_OF_A_WORKER
        with socket.socket(family, kind) as one:
            try:
                one.bind((host, port))
            except OSError:  # somebody's, or there is no such host: then there is none for any port
                continue
            return port
    raise OSError(f"no port from {FIRST_PORT} on is free at {host}")


async def wait_for_datagram(port: int) -> None:
    """Wait until somebody sends to a UDP port of 127.0.0.1 where nobody listens, and leave the port free again."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.bind(("127.0.0.1", port))
        async with asyncio.timeout(8):
            await asyncio.get_running_loop().sock_recv(udp, 2048)
