"""What a broker in Python is compared with: each datagram to each target, by a loop over ``sendto``.

It knows no protocol, keeps nothing and repairs nothing. Its command line is that of the C programs in ``c/``.
"""

import argparse
import socket
from ipaddress import IPv4Address
from typing import Final, NamedTuple

BUFFER_BYTES: Final = 8 << 20
_MAX_DATAGRAM_BYTES: Final = 2048


def relay(udp: socket.socket, targets: list[tuple[str, int]]) -> None:
    """Send everything that comes on to all targets, until killed."""
    send = udp.sendto
    while True:
        datagram = udp.recv(_MAX_DATAGRAM_BYTES)
        for target in targets:
            send(datagram, target)


class RelayArguments(NamedTuple):
    """What a relay is told.

    Attributes:
        port: UDP port of 127.0.0.1 to listen on.
        targets: Hosts and ports to send to.
    """

    port: int
    targets: list[tuple[str, int]]


def read_arguments(description: str) -> RelayArguments:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("port", type=int)
    parser.add_argument("first_address", type=IPv4Address)
    parser.add_argument("count", type=int)
    parser.add_argument("target_port", type=int)
    arguments = parser.parse_args()
    hosts = [str(arguments.first_address + number) for number in range(arguments.count)]
    return RelayArguments(arguments.port, [(host, arguments.target_port) for host in hosts])


def main() -> None:
    """Relay until killed."""
    arguments = read_arguments(__doc__.partition("\n")[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        udp.bind(("127.0.0.1", arguments.port))
        relay(udp, arguments.targets)


if __name__ == "__main__":
    main()
