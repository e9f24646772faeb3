"""Free ports of the loopback interface."""

import asyncio
import socket


def free_udp_port(host: str = "127.0.0.1") -> int:
    """Return a UDP port that nobody had a moment ago."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.bind((host, 0))
        port: int = udp.getsockname()[1]
        return port


def free_tcp_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that nobody had a moment ago."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tcp:
        tcp.bind((host, 0))
        port: int = tcp.getsockname()[1]
        return port


async def wait_for_datagram(port: int) -> None:
    """Wait until somebody sends to a UDP port of 127.0.0.1 where nobody listens, and leave the port free again."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.bind(("127.0.0.1", port))
        async with asyncio.timeout(8):
            await asyncio.get_running_loop().sock_recv(udp, 2048)
