"""What a broker in Python is compared with: each datagram to each target, by a loop over ``sendto``.

It knows no protocol, keeps nothing and repairs nothing. Its command line is that of the C programs in ``c/``.
"""

import argparse
import socket
from ipaddress import IPv4Address
from typing import Final

BUFFER_BYTES: Final = 8 << 20
_MAX_DATAGRAM_BYTES: Final = 2048


def relay(udp: socket.socket, targets: list[tuple[str, int]]) -> None:
    """Send everything that comes on to all targets, until killed."""
    send = udp.sendto
    while True:
        datagram = udp.recv(_MAX_DATAGRAM_BYTES)
        for target in targets:
            send(datagram, target)


def main() -> None:
    """Relay until killed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("first_address", type=IPv4Address)
    parser.add_argument("count", type=int)
    parser.add_argument("target_port", type=int)
    arguments = parser.parse_args()
    targets = [(str(arguments.first_address + number), arguments.target_port) for number in range(arguments.count)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        udp.bind(("127.0.0.1", arguments.port))
        relay(udp, targets)


if __name__ == "__main__":
    main()
