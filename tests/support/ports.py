"""Free ports of the loopback interface."""

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
